import { describe, expect, test } from "vitest";
import { compile } from "../language/compile.ts";
import { prepare } from "./snapshot.ts";

const text = `
apiVersion: aegis.dev/v1
kind: ToolCatalog
metadata: { name: tools }
spec: { tools: [{ name: web, actions: [{ name: get, risk: low, labels: [untrusted] }, { name: put, risk: high }] }] }
---
apiVersion: aegis.dev/v1
kind: Governance
metadata: { name: ground }
spec: { detectors: [{ name: ticket_number, pattern: "TCK-[0-9]{6}" }] }
---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: reader }
spec:
  agents: [reader]
  results: { dlp: [{ detect: [us_ssn], action: mask }], labels: [read] }
  session: [{ after: untrusted, deny: ["mail:*"] }]
  tools:
    - name: web
      actions:
        - { name: get, results: { dlp: [{ detect: [ticket_number], in: [/body], action: deny }], labels: [web] } }
        - { name: put, mode: shadow, results: { labels: [written] } }
---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: trial }
spec: { agents: [reader, trying], mode: shadow, results: { labels: [tried] }, tools: [] }
---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: asked }
spec: { agents: [asked], tools: [{ name: web, actions: [{ name: get, when: size(session.calls) < 3 }] }] }
---
apiVersion: aegis.dev/v1
kind: AgentPolicy
metadata: { name: heir }
spec: { agents: [heir], delegation: { authority: intersect }, tools: [{ name: web, actions: [{ name: get, when: args.n < 3 }] }] }
`;

const compiled = compile([{ name: "r.yaml", text }], { tenant: "acme" });
if (!compiled.ok) throw new Error(JSON.stringify(compiled.faults));
const snapshot = prepare({ tenant: "acme", revision: 1, version: "1-0", digest: "sha256:0", policies: compiled.policies });
const found = (detector: string, pointer: string) => ({ detector, pointer, start: 0, end: 1, inKey: false });

describe("what holds for a tool's answer", () => {
  test("is what the policy, the action and the catalog say together; trials say nothing", () => {
    const duties = snapshot.resultRules("reader", "web", "get");
    expect(duties.labels).toEqual(["read", "untrusted", "web"]);
    expect(duties.detectors.names).toEqual(["us_ssn", "ticket_number"]);
    expect(duties.dlp.map(({ rule }) => rule)).toEqual(["r.yaml:17", "r.yaml:22"]);
    expect(snapshot.resultRules("reader", "web", "put").labels).toEqual(["read"]);
    expect(snapshot.resultRules("trying", "web", "put")).toMatchObject({ labels: [], dlp: [] });
  });

  test("is the catalog's alone for an agent that no policy is about", () => {
    expect(snapshot.resultRules("nobody", "web", "get")).toMatchObject({ labels: ["untrusted"], dlp: [] });
  });

  test("tells what to redact, and what the agent must not see at all", () => {
    const { judge } = snapshot.resultRules("reader", "web", "get");
    expect(judge([found("us_ssn", "/a"), found("ticket_number", "/title")])).toMatchObject({
      denied: false,
      reasons: [{ code: "pii_found", pointer: "/a", rule: "r.yaml:17" }],
      redactions: [{ action: "mask", finding: { pointer: "/a" } }],
    });
    expect(judge([found("us_ssn", "/a"), found("ticket_number", "/body/0")])).toMatchObject({
      denied: true,
      reasons: [{ pointer: "/a" }, { pointer: "/body/0", rule: "r.yaml:22" }],
      redactions: [],
    });
  });
});

test("a session's facts are asked for only where a verdict may depend on them", () => {
  const duty = (...chain: string[]) => snapshot.sessionDuty(chain, "mail", "send");
  // A condition on the session somewhere may ask for any call; only its own agent cannot do without.
  expect(["reader", "trying", "asked", "heir", "nobody"].map((agent) => duty(agent))).toEqual(["require", "try", "require", "try", "none"]);
  expect([duty("heir", "trying"), duty("heir", "reader"), duty("trying", "reader")]).toEqual(["try", "require", "try"]);
  expect(snapshot.sessionDuty(["heir"], "web", "get"), "it leaves what the reader's rule asks for").toBe("require");
});
