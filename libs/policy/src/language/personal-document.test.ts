import { expect, test } from "vitest";
import { compile } from "./compile.ts";
import { formatFault } from "./fault.ts";

const catalog = (declared: string) => `
apiVersion: aegis.dev/v1
kind: ToolCatalog
metadata: { name: tools, tenant: acme }
spec:
  tools:
    - name: ehr
      actions:
        - name: read_record
          risk: low
          parameters: { patient: { type: string }, note: { type: string, optional: true } }
          ${declared}
`;

const faultsOf = (declared: string) => {
  const result = compile([{ name: "c.yaml", text: catalog(declared) }], { tenant: "acme" });
  return result.ok ? [] : result.faults.map((fault) => formatFault(fault).replace(/^c\.yaml:\d+:\d+ /, ""));
};

test("a person and their data are declared by pointers into the action's parameters", () => {
  expect(faultsOf("data_subject: /patient\n          personal: [/note, /patient/name]")).toEqual([]);
  expect(faultsOf("data_subject: /patient")).toEqual([]);
});

test.each([
  ["data_subject: patient", "invalid_pointer"],
  ['data_subject: "/patients/*"', "invalid_pointer"],
  ["data_subject: /pateint", 'unknown_parameter "/pateint" leads to no parameter that is described here — did you mean "/patient"?'],
  ["data_subject: /patient\n          personal: [/nots]", 'did you mean "/note"?'],
  ["data_subject: /patient\n          personal: []", "empty_list"],
  ["personal: [/note]", 'missing_key spec.tools[0].actions[0] has no "data_subject"'],
])("%s is refused, and it is said why", (declared, told) => expect(faultsOf(declared).join("\n")).toContain(told));

test("no detector of a tenant's own can pass for what is personal", () => {
  const text = `
apiVersion: aegis.dev/v1
kind: Governance
metadata: { name: g, tenant: acme }
spec: { detectors: [{ name: personal, pattern: x }] }
`;
  const result = compile([{ name: "g.yaml", text }], { tenant: "acme" });
  expect(result.ok ? [] : result.faults.map(({ code }) => code)).toContain("duplicate_name");
});
