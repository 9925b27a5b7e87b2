import { isMap } from "yaml";
import type { Policy, PolicySet } from "../ir.ts";
import { agentPolicyDocument } from "./agent-policy-document.ts";
import { bareAgentDocument } from "./bare-agent-document.ts";
import { type Fault, sortFaults } from "./fault.ts";
import { bareGovernanceDocument, bareGovernanceKeys, type GovernanceSpec, governanceDocument } from "./governance-document.ts";
import { lowerAgentPolicy, lowerBareAgent, lowerGovernance } from "./lower.ts";
import { entries, fault, type Place, rootOf, scalar } from "./reader.ts";
import { type Position, readDocuments } from "./source.ts";
import { suggestion } from "./suggest.ts";

export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

export type CompileResult = { readonly ok: true; readonly policies: PolicySet } | { readonly ok: false; readonly faults: readonly Fault[] };

const apiVersion = "aegis.dev/v1";
const kinds = ["AgentPolicy", "Governance"];
const laterKinds = ["ToolCatalog", "PolicyTest"];

/**
 * A tenant's whole set of documents to its intermediate representation, or everything that is wrong with them at once, sorted.
 * Never throws, whatever the texts hold.
 */
export function compile(files: readonly PolicyFile[], options: { readonly tenant: string }): CompileResult {
  const faults: Fault[] = [];
  const set = new PolicySetBuilder(options.tenant, faults);
  for (const file of files) {
    for (const source of readDocuments(file.name, file.text, faults)) set.add(rootOf(source));
  }
  if (files.length === 0) faults.push({ file: "", line: 1, column: 1, code: "no_documents", message: "there is no file", hint: "" });
  const policies = set.finish();
  if (faults.length > 0) {
    return {
      ok: false,
      faults: sortFaults(
        faults,
        files.map(({ name }) => name),
      ),
    };
  }
  return { ok: true, policies };
}

interface Tool {
  readonly name: string;
  readonly at: Position;
  readonly justified: boolean;
  readonly actions: readonly { readonly name: string; readonly at: Position }[];
}

/** Documents are lowered once all are read: budgets need the tenant's time zone, which any of them may name. */
class PolicySetBuilder {
  readonly #tenant: string;
  readonly #faults: Fault[];
  readonly #names = new Set<string>();
  readonly #pending: ((timeZone: string) => Policy)[] = [];
  readonly #unjustified: (() => void)[] = [];
  #governance: { readonly spec: GovernanceSpec; readonly at: Position } | undefined;

  constructor(tenant: string, faults: Fault[]) {
    this.#tenant = tenant;
    this.#faults = faults;
  }

  add(place: Place): void {
    const names = isMap(place.node) ? entries(place).map(({ name }) => name) : [];
    if (names.includes("kind") || names.includes("apiVersion")) this.#addNamed(place);
    else if (names.includes("agent") || names.includes("allowed_tools")) this.#addBareAgent(place);
    else if (names.some((name) => bareGovernanceKeys.includes(name))) this.#addGovernance(place, bareGovernanceDocument(place));
    else
      fault(
        place,
        "unknown_document",
        "the document is of no known kind",
        `start it with "apiVersion: ${apiVersion}" and "kind: AgentPolicy"`,
      );
  }

  finish(): PolicySet {
    const governance = this.#governance;
    if (governance?.spec.require_justification === true) for (const report of this.#unjustified) report();
    if (this.#faults.length > 0) return { format: 1, tenant: this.#tenant, governance: { limits: [], settings: {} }, policies: [] };
    const timeZone = governance?.spec.time_zone ?? "UTC";
    return {
      format: 1,
      tenant: this.#tenant,
      governance: governance === undefined ? { limits: [], settings: {} } : lowerGovernance(governance.spec, governance.at),
      policies: this.#pending.map((lower) => lower(timeZone)),
    };
  }

  #addNamed(place: Place): void {
    const members = new Map(entries(place).map(({ name, value }) => [name, value]));
    const version = members.get("apiVersion");
    const written = version && scalar(version)?.value;
    if (version !== undefined && written !== apiVersion) {
      fault(version, "unsupported_version", "apiVersion is not one that is known", `write ${apiVersion}`);
    }
    const kind = members.get("kind");
    const name = kind && scalar(kind)?.value;
    if (kind === undefined) fault(place, "missing_key", 'the document has no "kind"', `add one of: ${kinds.join(", ")}`);
    else if (name === "AgentPolicy") this.#addAgentPolicy(place);
    else if (name === "Governance") {
      const document = governanceDocument(place);
      this.#checkTenant(place, document?.metadata?.tenant);
      this.#addGovernance(place, document?.spec);
    } else if (typeof name === "string" && laterKinds.includes(name)) {
      fault(kind, "not_supported", `${name} documents are not read by this version, so they are not accepted`, "leave the document out");
    } else {
      const hint = typeof name === "string" ? suggestion(name, kinds) : `one of: ${kinds.join(", ")}`;
      fault(kind, "unknown_document", "no such kind of document", hint);
    }
  }

  #addAgentPolicy(place: Place): void {
    const before = this.#faults.length;
    const document = agentPolicyDocument(this.#tenant)(place);
    const { metadata } = document ?? {};
    this.#checkTenant(place, metadata?.tenant);
    if (metadata?.name !== undefined) {
      if (this.#names.has(metadata.name)) {
        const at = member(member(place, "metadata"), "name");
        fault(at, "duplicate_name", `another policy is named "${metadata.name}"`, "give each policy its own name");
      }
      this.#names.add(metadata.name);
    }
    this.#checkTools(
      place,
      (document?.spec?.tools ?? []).map(({ at, value }) => ({
        name: value.name,
        at,
        justified: value.justification !== undefined,
        actions: (value.actions ?? []).map((action) => ({ name: action.value.name, at: action.at })),
      })),
    );
    if (document === undefined || this.#faults.length > before) return;
    this.#pending.push((timeZone) => lowerAgentPolicy(document, place.position, timeZone));
  }

  #addBareAgent(place: Place): void {
    const before = this.#faults.length;
    const document = bareAgentDocument(place);
    this.#checkTools(
      place,
      (document?.allowed_tools ?? []).map(({ at, value }) => ({
        name: value.name,
        at,
        justified: false,
        actions: (value.actions ?? []).map((action) => ({ name: action.value, at: action.at })),
      })),
    );
    if (document === undefined || this.#faults.length > before) return;
    this.#pending.push(() => lowerBareAgent(document, this.#ownName(document.agent.value), place.position));
  }

  #addGovernance(place: Place, spec: GovernanceSpec | undefined): void {
    if (this.#governance !== undefined) {
      fault(place, "duplicate_name", "another document already governs the tenant", "write one Governance for the tenant");
    }
    this.#governance ??= { spec: spec ?? {}, at: place.position };
  }

  /** A bare document has no name of its own: it goes by its agent's, numbered when that is taken. */
  #ownName(agent: string): string {
    let name = agent;
    for (let number = 2; this.#names.has(name); number++) name = `${agent}-${number}`;
    this.#names.add(name);
    return name;
  }

  #checkTenant(place: Place, tenant: string | undefined): void {
    if (tenant === undefined || tenant === this.#tenant) return;
    const at = member(member(place, "metadata"), "tenant");
    fault(
      at,
      "wrong_tenant",
      `the document is for the tenant "${tenant}", not "${this.#tenant}"`,
      `write "${this.#tenant}", or leave it out`,
    );
  }

  #checkTools(place: Place, tools: readonly Tool[]): void {
    const { report } = place.source;
    const listed = new Set<string>();
    for (const { name, at, justified, actions } of tools) {
      if (!justified) {
        this.#unjustified.push(() => report(at, "justification_missing", `the tool ${name} has no justification`, 'add "justification"'));
      }
      for (const action of actions) {
        const key = `${name}\n${action.name}`;
        if (listed.has(key)) report(action.at, "duplicate_name", `${name}:${action.name} is there twice`, "keep one of them");
        listed.add(key);
      }
    }
  }
}

/** A member's place, or the map's own when it is not there. */
const member = (place: Place, name: string): Place => entries(place).find((entry) => entry.name === name)?.value ?? place;
