// What is refused, and how: the place, the field and the reason.

import { expect, test } from "vitest";
import { StoreError } from "../../../src/errors.ts";
import { EVERYTHING_PLAN } from "../../support/everything.ts";
import { compileFilter } from "../compiled.ts";

const WRONG: readonly (readonly [string, string])[] = [
  // Fields.
  ["nothing = 1", "at 1: Everything has no field nothing"],
  ["c_int32 = 1 AND jInt32 = 1", "at 17: Everything has no field jInt32; it is written j_int32"],
  ["j_node.nothing = 1", "at 8: Node has no field nothing"],
  ["j_string.length = 1", "at 10: length: j_string is a string and has no fields"],
  [
    "j_any.type_url = 'x'",
    "at 7: type_url: j_any is a message that is not looked into and has no fields",
  ],
  ["j_nodes[0].value:1", "at 1: Everything has no field j_nodes[0]"],
  ["j_nodes.0.value:1", "at 9: Node has no field 0"],
  ["j_map_int32.x = 1", "at 13: x is no key of j_map_int32"],
  ["j_map_bool:1", "at 12: j_map_bool: 1 is no key"],
  ["'c_int32' = 1", "at 1: a field's name has no quotes"],
  // Types.
  ["c_int32 = a", "at 11: c_int32: a: an integer such as 42 is expected"],
  ["c_int32 = 1.5", "at 11: c_int32: 1.5: an integer such as 42 is expected"],
  ["c_int32 = '1'", "at 11: c_int32: 1: an integer is written without quotes"],
  ["c_int32 = 2147483648", "at 11: c_int32: 2147483648: it must be from -2147483648 to 2147483647"],
  ["j_uint64 = -1", "at 12: j_uint64: -1: it must be from 0 to 18446744073709551615"],
  ["j_double > 1x", "at 12: j_double: 1x: a number such as 1.5 is expected"],
  ["j_double > 1e999", "at 12: j_double: 1e999: the number is too large"],
  ["c_bool = yes", "at 10: c_bool: yes: a bool is true or false"],
  ["c_bool > true", "at 8: c_bool: is a bool, which has no >, only = and !="],
  ["c_bytes = '!'", "at 11: c_bytes: !: bytes are written in base64"],
  [
    "c_color = red",
    "at 11: c_color: red: Color has no such value; it has COLOR_UNSPECIFIED, COLOR_RED, COLOR_CRIMSON, COLOR_NEGATIVE",
  ],
  ["c_color = color_red", "at 11: c_color: color_red: Color has no such value"],
  ["c_color < COLOR_RED", "at 9: c_color: is a Color, which has no <"],
  ["c_timestamp > 2024-05-01", "at 15: c_timestamp: 2024-05-01: a Timestamp is written as in"],
  ["c_timestamp > 2024-02-30T00:00:00Z", "at 15: c_timestamp: 2024-02-30T00:00:00Z: a Timestamp"],
  ["j_timestamp > 2024-05-01T24:00:00Z", "at 15: j_timestamp: 2024-05-01T24:00:00Z: a Timestamp"],
  [
    "j_timestamp > 0001-01-01T00:00:00+01:00",
    "at 15: j_timestamp: 0001-01-01T00:00:00+01:00: a Ti",
  ],
  ["c_duration > 20", "at 14: c_duration: 20: a Duration is written in seconds"],
  ["c_duration > 999999999999s", "at 14: c_duration: 999999999999s: a Duration is at most"],
  ["c_date = 2024-13-01", 'at 10: c_date: 2024-13-01: a Date is a day such as "2024-05-01"'],
  ["c_money < cheap", "at 11: c_money: cheap: a Money is compared with a decimal number"],
  ["c_money < 1e3", "at 11: c_money: 1e3: a Money is compared with a decimal number"],
  [
    "j_money < 99999999999999999999",
    "at 11: j_money: 99999999999999999999: the amount is too large",
  ],
  ["c_reference = 'artists/1'", "at 15: c_reference: artists/1: a name such as everythings/7"],
  ["name = 7", "at 8: name: 7: a name such as everythings/7 is expected"],
  ["name > everythings/7", "at 6: name: is a resource name, which has no >, only = and !="],
  ["j_value < true", "at 9: j_value: true is not less or more than another value"],
  ["j_node = 1", "at 8: j_node: is a message; name one of its fields, or test presence with :*"],
  ["j_map_string = 1", "at 14: j_map_string: is a map; name one of its keys, or test"],
  ["j_struct = 1", "at 10: j_struct: is a Struct; name one of its members, or test"],
  ["j_any = 1", "at 7: j_any: is not looked into; compare another field, or test"],
  // Lists.
  ["j_strings = x", "at 11: j_strings: is in a list; use : in place of ="],
  ["lines.c_money > 1", "at 15: lines.c_money: is in a list; use : in place of >"],
  ["j_nodes:x", "at 8: j_nodes: is a message; name one of its fields"],
  // Wildcards.
  ["c_string > a*", "at 12: c_string: * is only for = and != with strings"],
  ["j_strings:a*", "at 11: j_strings: * is only for = and != with strings"],
  ["c_int32 = 1*", "at 11: c_int32: 1*: * is for strings"],
  ["c_color = *", "at 11: c_color: *: * is for strings"],
  ["name = 'everythings/*'", "at 8: name: everythings/*: * is for strings"],
  ["Bj*rk", "at 1: * is only for = and !="],
  // Grammar.
  ["(c_int32 = 1", "at 1: a parenthesis is not closed"],
  ["c_int32 = 1)", "at 12: a parenthesis was not opened, or is empty"],
  ["()", "at 2: a parenthesis was not opened, or is empty"],
  ["c_int32 =", "at 10: a value is missing after ="],
  ["= 1", "at 1: a field must be before an operator"],
  ["c_int32 = = 1", "at 11: a value is missing after ="],
  ["c_int32 = 1 = 1", "at 13: a field must be before an operator"],
  ["c_int32 = (1 OR 2)", "at 11: only a value may follow ="],
  ["c_int32 = 1 AND", "at 16: something is missing at the end"],
  ["OR c_int32 = 1", "at 1: OR cannot be here"],
  ["NOT NOT a", "at 5: NOT cannot be here"],
  ["NOT -a", "at 5: - cannot be here"],
  ["- a", "at 1: no white space may follow -"],
  ["a or b", "at 3: write OR in capitals, or the word in quotes"],
  ["j_node .value = 1", "at 8: a dot must be between two names"],
  ["j_node..value = 1", "at 7: a dot must be between two names"],
  ["c_string = 'a", "at 12: a quoted string has no end"],
  ["c_string = 'a\\x'", "at 14: an escape is one of"],
  ["c_string = 'a'b", "at 15: white space is missing"],
  ["c_string = '\\ud800'", "at 12: a string must be well-formed Unicode"],
  ["'🎸' nothing = 1", "at 5: Everything has no field nothing"],
  ["''", "at 1: there is nothing to search for"],
  ["a, b", "at 2: white space is missing"],
  ["size(j_strings) > 1", "at 1: size(…): there are no functions"],
  ["c_string = lower('A')", "at 12: a call: there are no functions"],
  // A ! is part of a word unless it begins an operator.
  ["a!b = 1", "at 1: Everything has no field a!b"],
  ["c_int32!=x", "at 10: c_int32: x: an integer such as 42 is expected"],
  ["c_string.'x'", "at 13: an operator is missing after the field"],
];

test.for(WRONG)("%s", ([filter, message]) => {
  let error: unknown;
  try {
    compileFilter(EVERYTHING_PLAN, filter);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(StoreError);
  const { code, message: text, details } = error as StoreError;
  expect(code).toBe("INVALID_FIELD");
  expect(text.startsWith(`filter: ${message}`), text).toBe(true);
  expect(details.fields).toEqual([{ field: "filter", description: text.slice("filter: ".length) }]);
});

test("an error shows no more than the beginning of a long text", () => {
  const long = "x".repeat(4000);
  for (const filter of [
    `${long} = 1`,
    `c_int32 = ${long}`,
    `${long}(1)`,
    `j_map_int32.${long} = 1`,
  ]) {
    expect(() => compileFilter(EVERYTHING_PLAN, filter)).toThrow(/^.{0,200}$/s);
  }
});

test("words that only look like keywords, operators or paths are searched for", () => {
  for (const word of ["brand", "order", "knot", "notable", "'and'", '"or"', "a!b", "3.5"]) {
    expect(() => compileFilter(EVERYTHING_PLAN, word), word).not.toThrow();
  }
});
