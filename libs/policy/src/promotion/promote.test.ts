import { expect, test } from "vitest";
import { promote } from "./promote.ts";

const one = `# why it is here
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: finance }
spec:
  agents:   [finance-agent]   # exactly one
  mode: shadow   # until March
  tools:
    - name: stripe-payments
      actions: [{ name: refund, mode: shadow }, { name: create_payment }]
`;
const two = one.replace("name: finance }", "name: other }");
const files = (...texts: string[]) => texts.map((text, index) => ({ name: `${index}.yaml`, text }));
const options = { tenant: "acme" };

test("only the word changes, of the policy that is meant; an action that is tried by itself stays tried", () => {
  const promoted = promote(files(`${one}---\n${two}`), ["other"], options);
  expect(promoted).toMatchObject({ ok: true });
  if (!promoted.ok) return;
  expect(promoted.files[0]!.text).toBe(`${one}---\n${two.replace("mode: shadow   # until", "mode: enforce   # until")}`);
  const again = promote(promoted.files, ["other"], options);
  expect(again).toMatchObject({ ok: true });
  if (again.ok) expect(again.files[0]!.text).toContain("{ name: refund, mode: enforce }");
});

test("JSON stays JSON, with whatever line ends it has", () => {
  const text =
    '{"apiVersion":"aegis.dev/v1","kind":"AgentPolicy",\r\n"metadata":{"name":"j"},"spec":{"agents":["a"],"mode":"shadow","tools":[]}}\r\n';
  const promoted = promote(files(text), ["j"], options);
  expect(promoted).toMatchObject({ ok: true, files: [{ text: text.replace('"shadow"', '"enforce"') }] });
});

test("what is unknown, not in shadow, or shares the word with another rule is refused by name", () => {
  const shared = one.replace("mode: shadow   #", "mode: &m shadow   #").replace("mode: shadow }", "mode: *m }");
  expect(promote(files(one), ["absent"], options)).toEqual({ ok: false, refused: "unknown", policy: "absent" });
  expect(promote(files(one.replaceAll("mode: shadow", "mode: enforce")), ["finance"], options)).toMatchObject({ refused: "not_in_shadow" });
  expect(promote(files(shared), ["finance"], options)).toEqual({ ok: false, refused: "not_editable", policy: "finance" });
  expect(promote(files("x"), ["finance"], options)).toMatchObject({ refused: "faults" });
});
