// Chooses the codec that keeps a field in a column.
// Knows neither tables nor rows.

import { type DescField, ScalarType } from "@bufbuild/protobuf";
import type { ColumnCodec } from "./codec.ts";
import { dateCodec, durationCodec, moneyCodec, timestampCodec } from "./column-messages.ts";
import { enumCodec, referenceCodec, SCALAR_CODECS, textCodec } from "./column-scalars.ts";
import type { ResourceType } from "./resource-name.ts";
import { type TimeFormat, timeNumberCodec } from "./time-format.ts";

/** What a codec needs to know beside the field. */
export interface CodecOptions {
  readonly maxLength: number;
  readonly currencyCode: string;
  readonly timeFormat: TimeFormat;
  /** What a string field names, if it is a reference. */
  readonly reference: ResourceType | undefined;
}

/** The codec of a field, or undefined if a field of its kind cannot be a column. */
export function codecOf(field: DescField, options: CodecOptions): ColumnCodec | undefined {
  switch (field.fieldKind) {
    case "scalar":
      if (field.scalar !== ScalarType.STRING) return SCALAR_CODECS[field.scalar];
      return options.reference ? referenceCodec(options.reference) : textCodec(options.maxLength);
    case "enum":
      return enumCodec(field.enum);
    case "message":
      return messageCodecOf(field.message.typeName, options);
    default:
      return undefined;
  }
}

function messageCodecOf(typeName: string, options: CodecOptions): ColumnCodec | undefined {
  switch (typeName) {
    case "google.protobuf.Timestamp":
      return timeNumberCodec(options.timeFormat) ?? timestampCodec;
    case "google.protobuf.Duration":
      return durationCodec;
    case "google.type.Date":
      return dateCodec;
    case "google.type.Money":
      return moneyCodec(options.currencyCode);
    default:
      return undefined;
  }
}
