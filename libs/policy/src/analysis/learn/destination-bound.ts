import type { JsonValue } from "@aegis/canonical/ijson";
import { prepareEgress } from "../../engine/egress.ts";
import type { EgressRule } from "../../ir.ts";
import { type Bound, type Candidate, narrowest } from "./bound.ts";
import type { SeenDestination } from "./traffic.ts";
import { yamlList, yamlText } from "./yaml-text.ts";

const mostHosts = 32;
const mostRules = 48;
const mostDepths = 6;
const mostWords = 6;

/** One line of an egress list. `path` is written as the policy language has it: segments, `*` for any one. */
interface Entry {
  readonly host: string;
  readonly path?: string;
  readonly methods?: readonly string[];
}

/** Where calls go: hosts with paths and methods, else hosts with methods, else whole domains. Undefined when no list generalises. */
export function destinationBound(destinations: readonly SeenDestination[]): Bound | undefined {
  return narrowest(destinations as unknown as readonly JsonValue[], [listed(withPaths), listed(hostsAlone), listed(domains)]);
}

const listed =
  (entriesOf: (seen: readonly SeenDestination[]) => Entry[] | undefined): Candidate =>
  (values) => {
    const entries = entriesOf(values as unknown as readonly SeenDestination[]);
    if (entries === undefined || entries.length === 0 || entries.length > mostRules) return undefined;
    const allows = prepareEgress(entries.map(ruleOf));
    return {
      accepts: (value) => {
        const destination = value as unknown as SeenDestination;
        return allows(destination, destination.method);
      },
      members: entries.map((entry) => ["", spelled(entry)] as const),
      condition: () => "",
      note: `${new Set(entries.map(({ host }) => host)).size} hosts`,
    };
  };

function ruleOf({ host, path, methods }: Entry): EgressRule {
  const pattern = path
    ?.split("/")
    .slice(1)
    .map((segment) => (segment === "*" ? "/[^/]+" : `/${segment.replace(/[.$()+]/g, "\\$&")}`))
    .join("");
  return { rule: "", host, ...(pattern === undefined ? {} : { path: `^${pattern}$` }), ...(methods && { methods }) };
}

function spelled({ host, path, methods }: Entry): string {
  if (path === undefined && methods === undefined) return yamlText(host);
  const parts = [`host: ${yamlText(host)}`];
  if (path !== undefined) parts.push(`path: ${JSON.stringify(path)}`);
  if (methods !== undefined) parts.push(`methods: ${yamlList(methods)}`);
  return `{ ${parts.join(", ")} }`;
}

function byHost(seen: readonly SeenDestination[]): Map<string, SeenDestination[]> | undefined {
  const hosts = Map.groupBy(seen, ({ host }) => host);
  return hosts.size > mostHosts ? undefined : hosts;
}

function hostsAlone(seen: readonly SeenDestination[]): Entry[] | undefined {
  const hosts = byHost(seen);
  return hosts && [...hosts].map(([host, of]) => ({ host, ...methodsOf(of) }));
}

function withPaths(seen: readonly SeenDestination[]): Entry[] | undefined {
  const hosts = byHost(seen);
  return (
    hosts &&
    [...hosts].flatMap(([host, of]) => {
      const byDepth = [...Map.groupBy(of, ({ path }) => path.split("/").length).values()];
      const paths = byDepth.length > mostDepths ? undefined : byDepth.flatMap((alike) => templates(alike));
      if (paths === undefined || paths.length > mostRules / 2) return [{ host, ...methodsOf(of) }];
      return paths.map(({ path, of: calls }) => ({ host, path, ...methodsOf(calls) }));
    })
  );
}

/** Paths of one length as few templates: a place with one word keeps it, one with a few makes a template of each, any other is `*`. */
function templates(alike: readonly SeenDestination[], at = 1): { path: string; of: readonly SeenDestination[] }[] {
  const segments = alike.map(({ path }) => path.split("/"));
  const length = segments[0]?.length ?? 0;
  for (let place = at; place < length; place++) {
    const groups = Map.groupBy(alike, (_, index) => segments[index]?.[place] ?? "");
    if (groups.size > 1 && groups.size <= mostWords && alike.length >= 20 * groups.size) {
      return [...groups.values()].flatMap((group) => templates(group, place + 1));
    }
  }
  const path = Array.from({ length: length - 1 }, (_, index) => {
    const words = new Set(segments.map((each) => each[index + 1] ?? ""));
    const [word = ""] = words;
    return words.size === 1 && /^[A-Za-z0-9._~!$&'()+,=:@-]*$/.test(word) ? word : "*";
  });
  return [{ path: `/${path.join("/")}`, of: alike }];
}

/** Hosts of one domain as the domain: `*.example.com` for three and more. */
function domains(seen: readonly SeenDestination[]): Entry[] | undefined {
  const suffixes = Map.groupBy(seen, ({ host }) => host.slice(host.indexOf(".") + 1));
  return [...suffixes].flatMap(([suffix, of]): Entry[] => {
    const hosts = new Set(of.map(({ host }) => host));
    const isDomain = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?::\d+)?$/.test(suffix);
    if (hosts.size >= 3 && isDomain) return [{ host: `*.${suffix}`, ...methodsOf(of) }];
    return [...hosts].map((host) => ({ host, ...methodsOf(of) }));
  });
}

function methodsOf(seen: readonly SeenDestination[]): Pick<Entry, "methods"> {
  const methods = new Set(seen.map(({ method }) => method));
  const known = [...methods].filter((method) => method !== undefined && /^[A-Z]{1,20}$/.test(method)) as string[];
  return known.length === methods.size ? { methods: known.sort() } : {};
}
