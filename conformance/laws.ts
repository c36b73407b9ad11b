// THE list of laws, in the order in which they are reported.
// Each group of them is a file in laws/.

import type { Law } from "./law.ts";
import { BATCH_LAWS } from "./laws/batch.ts";
import { ERROR_LAWS } from "./laws/errors.ts";
import { ETAG_LAWS } from "./laws/etag.ts";
import { FIELD_LAWS } from "./laws/fields.ts";
import { FILTER_LAWS } from "./laws/filter.ts";
import { LIFETIME_LAWS } from "./laws/lifetime.ts";
import { MASK_LAWS } from "./laws/mask.ts";
import { ORDER_LAWS } from "./laws/order.ts";
import { PAGING_LAWS } from "./laws/paging.ts";
import { READ_LAWS } from "./laws/read.ts";
import { READ_MASK_LAWS } from "./laws/read-mask.ts";
import { REQUEST_ID_LAWS } from "./laws/request-id.ts";
import { VALIDATE_ONLY_LAWS } from "./laws/validate-only.ts";

/** Every law. */
export const LAWS: readonly Law[] = [
  ...READ_LAWS,
  ...READ_MASK_LAWS,
  ...FIELD_LAWS,
  ...LIFETIME_LAWS,
  ...MASK_LAWS,
  ...ETAG_LAWS,
  ...REQUEST_ID_LAWS,
  ...VALIDATE_ONLY_LAWS,
  ...BATCH_LAWS,
  ...PAGING_LAWS,
  ...ORDER_LAWS,
  ...FILTER_LAWS,
  ...ERROR_LAWS,
];
