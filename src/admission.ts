// Sets up who may call, and the audit of what callers do, as the configuration says.
// Wiring only.

import type { DescMethod } from "@bufbuild/protobuf";
import { type Admission, admissionTo } from "./access/access-control.ts";
import { createAuthenticator } from "./access/authenticator.ts";
import type { Config } from "./config.ts";
import { auditTo } from "./handlers/audit.ts";
import type { OnFinished } from "./handlers/finished-call.ts";
import type { ResourceService } from "./handlers/services.ts";
import { type Log, openAuditLog } from "./observe/log.ts";
import type { ResourcePlan } from "./schema/plan.ts";

/** What a server is given of it. */
export interface AdmissionSetup {
  readonly admissionTo?: (method: DescMethod) => Admission | undefined;
  readonly onFinished?: OnFinished;
  /** Lets go of its files. */
  close(): void;
}

/**
 * Looks at the files that say who may call, before anything is made for nothing.
 * @throws StoreError INVALID_CONFIG if one of them cannot be used.
 */
export async function checkAccess({ access }: Config, log: Log): Promise<void> {
  if (access) (await createAuthenticator(access, log)).close();
}

/**
 * Opens the files that say who may call.
 * @throws StoreError INVALID_CONFIG if one of them cannot be used.
 */
export async function openAdmission(
  { access, auditLog, reflection = "on" }: Config,
  resources: readonly ResourceService[],
  plans: readonly ResourcePlan[],
  log: Log,
): Promise<AdmissionSetup> {
  const audit = auditLog === undefined ? undefined : openAuditLog(auditLog, log);
  const onFinished = audit && { onFinished: auditTo(audit.log) };
  if (!access) return { ...onFinished, close: () => audit?.close() };
  const authenticator = await createAuthenticator(access, log);
  const types = new Map(plans.map(({ desc, resource }) => [desc.typeName, resource.type]));
  const policy = {
    isReflectionOpen: reflection === "on",
    resourceTypes: new Map(
      resources.map(({ resource, service }) => [
        service.typeName,
        types.get(resource.typeName) ?? "",
      ]),
    ),
  };
  return {
    ...onFinished,
    admissionTo: (method) => admissionTo(method, authenticator, policy),
    close() {
      authenticator.close();
      audit?.close();
    },
  };
}
