import { expect, test } from "vitest";
import { compile } from "../language/compile.ts";
import { preparePersonal } from "./personal.ts";

const catalog = `
apiVersion: aegis.dev/v1
kind: ToolCatalog
metadata: { name: tools, tenant: acme }
spec:
  tools:
    - name: ehr
      actions:
        - { name: read_record, risk: low, data_subject: /patient/id, personal: [/note, "/contacts/*/phone"] }
        - { name: list_wards, risk: low }
    - name: crm
      data_subject: /customer
      actions:
        - { name: find, risk: low }
    - name: mail
      actions: [{ name: send, risk: low }]
`;

function lookup() {
  const compiled = compile([{ name: "catalog.yaml", text: catalog }], { tenant: "acme" });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
  return preparePersonal(compiled.policies);
}

test("what is declared is found wherever it stands, the subject among it, and nothing twice", () => {
  const places = lookup()("ehr", "read_record");
  const args = { patient: { id: 4711 }, note: { text: "x" }, contacts: [{ phone: "1" }, { name: "n" }, { phone: "2" }], ward: "7" };
  expect(places?.subjectOf(args)).toBe("4711");
  expect(places?.in(args).sort()).toEqual(["/contacts/0/phone", "/contacts/2/phone", "/note", "/patient/id"]);
});

test.each([
  [{}],
  [{ patient: {} }],
  [{ patient: { id: "" } }],
  [{ patient: { id: { a: 1 } } }],
  [{ patient: { id: "x".repeat(513) } }],
  [[]],
])("%j names nobody", (args) => expect(lookup()("ehr", "read_record")?.subjectOf(args)).toBeUndefined());

test("an action says nothing of a person only where the catalog describes it and its tool says nothing either", () => {
  const find = lookup();
  expect(find("ehr", "list_wards")).toBeUndefined();
  expect(find("mail", "send")).toBeUndefined();
  expect(find("mail", "unknown")).toBeUndefined();
  expect(find("crm", "find")?.in({ customer: "c", other: 1 })).toEqual(["/customer"]);
  expect(find("crm", "unknown")?.in({ customer: "c", other: 1 })).toEqual(["/customer"]);
});

test("of an action that nobody described, of a tool with personal data, everything may be somebody's", () => {
  const places = lookup()("ehr", "export_records");
  expect(places?.subjectOf({ patient: { id: "p-1" } })).toBeUndefined();
  expect(places?.in({ patient: { id: "p-1" }, "a/b": 1 })).toEqual(["/patient", "/a~1b"]);
});

test("a member that an object only inherits is none", () => {
  expect(lookup()("crm", "find")?.subjectOf(Object.create({ customer: "c" }))).toBeUndefined();
  expect(lookup()("ehr", "read_record")?.in({ contacts: [] })).toEqual([]);
});
