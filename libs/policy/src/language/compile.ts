import { personalDetector } from "@aegis/contracts/decision-event";
import { detectorNames } from "@aegis/dlp/detect";
import { isMap } from "yaml";
import type { CatalogTool, Policy, PolicySet } from "../ir.ts";
import { agentPolicyDocument } from "./agent-policy-document.ts";
import { bareAgentDocument } from "./bare-agent-document.ts";
import { staticChecks } from "./checks/checks.ts";
import { type DetectorUse, detectorsIn } from "./data-rules-document.ts";
import { type Fault, sortFaults, type Warning } from "./fault.ts";
import {
  bareGovernanceDocument,
  bareGovernanceKeys,
  type GovernanceSpec,
  governanceDocument,
  lowerDetectors,
} from "./governance-document.ts";
import { indexed, lowerAgentPolicy, lowerBareAgent, lowerGovernance, type Surroundings } from "./lower.ts";
import { checkRates } from "./money-document.ts";
import { apiVersion, type Kind, kinds } from "./named-document.ts";
import type { PolicyTest } from "./policy-test.ts";
import { policyTestDocument, testOf } from "./policy-test-document.ts";
import { entries, fault, type Place, rootOf, scalar } from "./reader.ts";
import { type Position, readDocuments } from "./source.ts";
import { suggestion } from "./suggest.ts";
import { lowerCatalog, toolCatalogDocument } from "./tool-catalog-document.ts";

export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

export type CompileResult =
  | {
      readonly ok: true;
      readonly policies: PolicySet;
      /** The set's own tests, in source order. They are no part of what is enforced. */
      readonly tests: readonly PolicyTest[];
      readonly warnings: readonly Warning[];
    }
  | { readonly ok: false; readonly faults: readonly Fault[]; readonly warnings: readonly Warning[] };

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
  if (files.length === 0)
    faults.push({ file: "", line: 1, column: 1, code: "no_documents", message: "there is no file", hint: "name one" });
  const { policies, warnings: unsorted } = set.finish();
  const names = files.map(({ name }) => name);
  const warnings = sortFaults(unsorted, names);
  if (faults.length > 0) return { ok: false, faults: sortFaults(faults, names), warnings };
  return { ok: true, policies, tests: set.tests, warnings };
}

interface Tool {
  readonly name: string;
  readonly at: Position;
  readonly justified: boolean;
  readonly actions: readonly { readonly name: string; readonly at: Position }[];
}

/** Documents are lowered once all are read: a time zone, a tool or a detector may stand in any of them. */
class PolicySetBuilder {
  readonly tests: PolicyTest[] = [];
  readonly #tenant: string;
  readonly #faults: Fault[];
  readonly #readAgentPolicy: ReturnType<typeof agentPolicyDocument>;
  readonly #names = new Set<string>();
  readonly #pending: { readonly place: Place; readonly lower: (surroundings: Surroundings) => Policy }[] = [];
  readonly #unjustified: (() => void)[] = [];
  readonly #catalog: CatalogTool[] = [];
  /** Every catalog was read without fault: a tool that is not there is nowhere. */
  #catalogSound = true;
  readonly #sources: Place["source"][] = [];
  readonly #detectorUses: (DetectorUse & { readonly place: Place })[] = [];
  #governance: { readonly spec: GovernanceSpec; readonly at: Position } | undefined;

  constructor(tenant: string, faults: Fault[]) {
    this.#tenant = tenant;
    this.#readAgentPolicy = agentPolicyDocument(tenant);
    this.#faults = faults;
  }

  add(place: Place): void {
    this.#sources.push(place.source);
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

  /** Rules that were read without fault, in source order, and what only all of them together show. */
  finish(): { policies: PolicySet; warnings: readonly Warning[] } {
    const governance = this.#governance;
    if (governance?.spec.require_justification === true) for (const report of this.#unjustified) report();
    const detectors = lowerDetectors(governance?.spec ?? {});
    // A detector read with faults may have no name.
    this.#checkDetectors(detectors.flatMap(({ name }) => (typeof name === "string" ? [name] : [])));
    for (const source of this.#sources) checkRates(source, governance?.spec.exchange_rates);
    const whole = this.#faults.length === 0;
    const surroundings = { timeZone: governance?.spec.time_zone ?? "UTC", catalog: indexed(this.#catalog) };
    const sound = this.#faults.some(({ code }) => code === "too_many_faults") ? [] : this.#pending;
    const catalog = whole || this.#catalogSound ? this.#catalog : [];
    const policies: PolicySet = {
      format: 1,
      tenant: this.#tenant,
      governance: governance === undefined || !whole ? { limits: [], settings: {} } : lowerGovernance(governance.spec, governance.at),
      policies: sound.map(({ lower }) => lower(surroundings)),
      ...(catalog.length > 0 && { catalog }),
      ...(detectors.length > 0 && whole && { detectors }),
    };
    const places = sound.map(({ place }) => place);
    const { faults, warnings } = staticChecks(policies, places, whole);
    this.#faults.push(...faults);
    return { policies, warnings };
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
    else if (name === "Governance") this.#addNamedGovernance(place);
    else if (name === "ToolCatalog") this.#addToolCatalog(place);
    else if (name === "PolicyTest") this.#addPolicyTest(place);
    else
      fault(
        kind,
        "unknown_kind",
        "no such kind of document",
        typeof name === "string" ? suggestion(name, kinds) : `one of: ${kinds.join(", ")}`,
      );
  }

  #addAgentPolicy(place: Place): void {
    const before = this.#faults.length;
    const document = this.#readAgentPolicy(place);
    this.#checkMetadata(place, "AgentPolicy", document?.metadata);
    const { spec } = document ?? {};
    this.#checkTools(
      place,
      (spec?.tools ?? []).map(({ at, value }) => ({
        name: value.name,
        at,
        justified: value.justification !== undefined,
        actions: (value.actions ?? []).map((action) => ({ name: action.value.name, at: action.at })),
      })),
    );
    const ofActions = (spec?.tools ?? []).flatMap(({ value }) => value.actions ?? []).map(({ value }) => value.results?.value.dlp);
    for (const use of [spec?.dlp, spec?.results?.value.dlp, ...ofActions].flatMap(detectorsIn)) this.#detectorUses.push({ ...use, place });
    if (document === undefined || this.#faults.length > before) return;
    this.#pending.push({ place, lower: (surroundings) => lowerAgentPolicy(document, place.position, surroundings) });
  }

  #addNamedGovernance(place: Place): void {
    const document = governanceDocument(place);
    this.#checkMetadata(place, "Governance", document?.metadata);
    this.#addGovernance(place, document?.spec);
    const own = new Set<string>();
    for (const { at, value } of document?.spec?.detectors ?? []) {
      const called: string | undefined = value.name;
      // What has no name is reported for that.
      if (called === undefined) continue;
      const twice = own.has(called) || [...detectorNames, personalDetector].some((name) => name === called);
      if (twice) place.source.report(at, "duplicate_name", `another detector is named "${called}"`, "give it a name of its own");
      own.add(called);
    }
  }

  #addToolCatalog(place: Place): void {
    const before = this.#faults.length;
    const document = toolCatalogDocument(place);
    this.#checkMetadata(place, "ToolCatalog", document?.metadata);
    for (const { at, value } of document?.spec?.tools ?? []) {
      if (value.name === undefined) continue;
      this.#checkUnique(place, at, `tool ${value.name}`, `the tool ${value.name} is described twice`);
      for (const action of value.actions ?? []) {
        if (action.value.name === undefined) continue;
        const call = `${value.name}:${action.value.name}`;
        this.#checkUnique(place, action.at, `call ${value.name}\n${action.value.name}`, `${call} is described twice`);
      }
    }
    if (document !== undefined && this.#faults.length === before) this.#catalog.push(...lowerCatalog(document));
    else this.#catalogSound = false;
  }

  #addPolicyTest(place: Place): void {
    const before = this.#faults.length;
    const document = policyTestDocument(place);
    this.#checkMetadata(place, "PolicyTest", document?.metadata);
    for (const { at, value } of document?.spec?.cases ?? []) {
      const { agent, chain } = value.call ?? {};
      if (chain !== undefined && agent !== undefined && chain[0] !== agent)
        place.source.report(at, "conflicting_rules", `the chain does not start with ${agent}`, "write the agent that calls first");
    }
    if (document !== undefined && this.#faults.length === before) this.tests.push(testOf(document, place.position));
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
    const lower = (surroundings: Surroundings) =>
      lowerBareAgent(document, this.#ownName(document.agent.value), place.position, surroundings);
    this.#pending.push({ place, lower });
  }

  #addGovernance(place: Place, spec: GovernanceSpec | undefined): void {
    if (this.#governance !== undefined) {
      fault(place, "second_governance", "another document already governs the tenant", "write one Governance for the tenant");
    }
    this.#governance ??= { spec: spec ?? {}, at: place.position };
  }

  /** A bare document has no name of its own: it goes by its agent's, numbered when that is taken. */
  #ownName(agent: string): string {
    let name = agent;
    for (let number = 2; this.#names.has(`AgentPolicy ${name}`); number++) name = `${agent}-${number}`;
    this.#names.add(`AgentPolicy ${name}`);
    return name;
  }

  #checkMetadata(place: Place, kind: Kind, metadata: { readonly name?: string; readonly tenant?: string } | undefined): void {
    const { name, tenant } = metadata ?? {};
    const at = (key: string) => member(member(place, "metadata"), key);
    if (tenant !== undefined && tenant !== this.#tenant) {
      fault(
        at("tenant"),
        "wrong_tenant",
        `the document is for the tenant "${tenant}", not "${this.#tenant}"`,
        `write "${this.#tenant}", or leave it out`,
      );
    }
    if (name === undefined) return;
    this.#checkUnique(place, at("name").position, `${kind} ${name}`, `another ${kind} is named "${name}"`);
  }

  #checkUnique(place: Place, at: Position, key: string, message: string): void {
    if (this.#names.has(key)) place.source.report(at, "duplicate_name", message, "give each its own name, once");
    this.#names.add(key);
  }

  #checkDetectors(own: readonly string[]): void {
    const known = [...detectorNames, ...own];
    for (const { at, name, place } of this.#detectorUses) {
      if (!known.includes(name)) place.source.report(at, "unknown_detector", `"${name}" is no detector`, suggestion(name, known));
    }
  }

  #checkTools(place: Place, tools: readonly Tool[]): void {
    const { report } = place.source;
    const listed = new Set<string>();
    for (const { name, at, justified, actions } of tools) {
      if (!justified && name !== undefined) {
        this.#unjustified.push(() => report(at, "justification_missing", `the tool ${name} has no justification`, 'add "justification"'));
      }
      for (const action of actions) {
        const key = `${name}\n${action.name}`;
        if (name !== undefined && action.name !== undefined && listed.has(key))
          report(action.at, "duplicate_action", `${name}:${action.name} is there twice`, "keep one of them");
        listed.add(key);
      }
    }
  }
}

/** A member's place, or the map's own when it is not there. */
const member = (place: Place, name: string): Place => entries(place).find((entry) => entry.name === name)?.value ?? place;
