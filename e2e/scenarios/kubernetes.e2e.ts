import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { services } from "@aegis/contracts/subjects";
import { findTool, goInstall } from "@aegis/infra/tools";
import * as apps from "kubernetes-models/apps/v1";
import * as autoscaling from "kubernetes-models/autoscaling/v2";
import * as networking from "kubernetes-models/networking.k8s.io/v1";
import * as policy from "kubernetes-models/policy/v1";
import * as v1 from "kubernetes-models/v1";
import { beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

const repository = resolve(import.meta.dirname, "../..");
const toolsDirectory = join(repository, ".aegis/tools");
const run = promisify(execFile);

/** Every kind we ship; one that is not here fails the test. */
const kinds = {
  Namespace: { model: v1.Namespace, apiVersion: "v1" },
  ConfigMap: { model: v1.ConfigMap, apiVersion: "v1" },
  Service: { model: v1.Service, apiVersion: "v1" },
  ServiceAccount: { model: v1.ServiceAccount, apiVersion: "v1" },
  StatefulSet: { model: apps.StatefulSet, apiVersion: "apps/v1" },
  NetworkPolicy: { model: networking.NetworkPolicy, apiVersion: "networking.k8s.io/v1" },
  PodDisruptionBudget: { model: policy.PodDisruptionBudget, apiVersion: "policy/v1" },
  HorizontalPodAutoscaler: { model: autoscaling.HorizontalPodAutoscaler, apiVersion: "autoscaling/v2" },
} as const;

interface Rendered {
  readonly apiVersion: string;
  readonly kind: keyof typeof kinds;
  readonly metadata: { readonly name: string };
}

describe.for(["base", "overlays/dev", "overlays/prod"])("deploy/k8s/%s", (directory) => {
  let objects: Rendered[];
  const workloads = () => objects.filter((object) => object.kind === "StatefulSet") as unknown as apps.IStatefulSet[];
  const pods = () => workloads().map((workload) => ({ name: workload.metadata?.name ?? "", spec: workload.spec?.template.spec }));
  const containers = () => pods().flatMap(({ name, spec }) => (spec?.containers ?? []).map((container) => ({ name, container })));

  beforeAll(async () => {
    const rendered = await kustomize(join(repository, "deploy/k8s", directory));
    objects = parseAllDocuments(rendered).map((document) => document.toJS() as Rendered);
  });

  test("holds only what Kubernetes's schemas allow", () => {
    for (const object of objects) {
      const known = kinds[object.kind];
      expect(known?.apiVersion, `${object.kind}/${object.metadata.name}`).toBe(object.apiVersion);
      new known.model(object as never).validate();
    }
  });

  test("holds no field that Kubernetes does not know", async () => {
    expect(await unknownFields(objects)).toBe("");
  });

  test("runs the six services, each with a network policy, a disruption budget and an account of its own", () => {
    expect(workloads().map((workload) => workload.metadata?.name)).toEqual(expect.arrayContaining([...services]));
    for (const service of services) {
      const own = (kind: string) => objects.find((object) => object.kind === kind && object.metadata.name === service);
      for (const kind of ["NetworkPolicy", "PodDisruptionBudget", "ServiceAccount", "Service"])
        expect(own(kind), `${kind} ${service}`).toBeDefined();
      const rule = own("NetworkPolicy") as unknown as networking.INetworkPolicy;
      expect(rule.spec?.policyTypes).toEqual(["Ingress", "Egress"]);
      for (const way of [...(rule.spec?.ingress ?? []), ...(rule.spec?.egress ?? [])]) expect(way.ports?.length).toBeGreaterThan(0);
    }
  });

  test("lets nothing talk that no policy names", () => {
    const denied = objects.find((object) => object.metadata.name === "default-deny") as unknown as networking.INetworkPolicy;
    expect(denied.spec).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
  });

  test("runs every pod without root, without a token of the cluster, under the default seccomp profile", () => {
    const namespace = objects.find((object) => object.kind === "Namespace") as unknown as v1.INamespace;
    expect(namespace.metadata?.labels).toMatchObject({ "pod-security.kubernetes.io/enforce": "restricted" });
    for (const { name, spec } of pods()) {
      expect(spec?.automountServiceAccountToken, name).toBe(false);
      expect(spec?.securityContext, name).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      expect(spec?.securityContext?.runAsUser, name).toBeGreaterThan(0);
      expect([spec?.hostNetwork, spec?.hostPID, spec?.hostIPC], name).toEqual([undefined, undefined, undefined]);
    }
  });

  test("gives every container a root it cannot write, no capability, bounds, probes and a pinned image", () => {
    expect(containers().length).toBe(services.length + 1);
    for (const { name, container } of containers()) {
      const what = `${name}/${container.name}`;
      expect(container.securityContext, what).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(Object.keys(container.resources?.requests ?? {}).sort(), what).toEqual(["cpu", "memory"]);
      expect(Object.keys(container.resources?.limits ?? {}).sort(), what).toEqual(["cpu", "memory"]);
      expect(container.livenessProbe?.httpGet?.path, what).toBe("/healthz");
      expect(container.readinessProbe?.httpGet?.path, what).toBe("/readyz");
      expect(container.image, what).toMatch(/(:\d+\.\d+\.\d+|@sha256:[0-9a-f]{64})$/);
    }
  });

  test("gives secrets as files, and the database to all but authz and the signer", () => {
    for (const { name, container } of containers()) {
      const variables = container.env ?? [];
      for (const { name: variable, value, valueFrom } of variables) {
        expect(valueFrom?.secretKeyRef, `${name} ${variable}`).toBeUndefined();
        if (/PASSWORD|POSTGRES|MIGRATION|SECRET|_KEY(_|$)/.test(variable) && !variable.endsWith("CHECKPOINT_KEY")) {
          expect(variable, `${name} ${variable}`).toMatch(/_FILE$/);
          expect(value).toMatch(/^\/(run|etc)\//);
        }
      }
      const database = variables.filter(({ name: variable }) => /_(POSTGRES|MIGRATION)_URL_FILE$/.test(variable));
      expect(database.length, container.name).toBe(["authz", "signer"].includes(container.name) ? 0 : 2);
    }
  });

  test("mounts the signer's key into the signer alone", () => {
    const mounting = (volume: string) =>
      containers()
        .filter(({ container }) => container.volumeMounts?.some((mount) => mount.name === volume))
        .map(({ container }) => container.name);
    expect(mounting("signer-key")).toEqual(["signer"]);
    expect(mounting("signer-state")).toEqual(["signer"]);
  });

  test("keeps authz's spool on a claim that outlives the pod, and scales authz", () => {
    const authz = workloads().find((workload) => workload.metadata?.name === "authz");
    expect(authz?.spec?.volumeClaimTemplates?.map((claim) => claim.metadata?.name)).toEqual(["data"]);
    const mount = authz?.spec?.template.spec?.containers[0]?.volumeMounts?.find(({ name }) => name === "data");
    expect(mount?.mountPath).toBe("/var/lib/aegis");
    expect(objects.some((object) => object.kind === "HorizontalPodAutoscaler" && object.metadata.name === "authz")).toBe(true);
  });
});

test("a field that Kubernetes does not know would be found", async () => {
  const object = { apiVersion: "v1", kind: "Service", metadata: { name: "x" }, spec: { ports: [{ port: 1, tragetPort: 2 }] } } as const;
  expect(await unknownFields([object as Rendered])).toContain("tragetPort");
});

async function kustomize(directory: string): Promise<string> {
  const kubectl = await findTool("kubectl");
  const program =
    kubectl ?? (await findTool("kustomize")) ?? (await goInstall("kustomize", "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1", toolsDirectory));
  if (program === undefined) throw new Error("this test needs kubectl, kustomize or Go");
  return (await run(program, [kubectl === undefined ? "build" : "kustomize", directory], { maxBuffer: 16 * 1024 * 1024 })).stdout;
}

/** The schemas allow fields they do not name. TypeScript does not: it checks the objects as literals of their types. Resolves to its faults. */
async function unknownFields(objects: readonly Rendered[]): Promise<string> {
  const parent = join(repository, ".aegis");
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, "kubernetes-"));
  try {
    const used = [...new Set(objects.map((object) => object.kind))];
    const imports = used.map((kind) => `import type { I${kind} } from "kubernetes-models/${kinds[kind].apiVersion}";`);
    const literals = objects.map(
      (object, index) => `export const object${index}: I${object.kind} = ${JSON.stringify(object, undefined, 1)};`,
    );
    await writeFile(join(directory, "objects.ts"), [...imports, ...literals].join("\n"));
    const compilerOptions = { strict: true, noEmit: true, skipLibCheck: true, module: "nodenext", target: "esnext", types: [] };
    await writeFile(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["objects.ts"] }));
    await run(join(repository, "node_modules/.bin/tsc"), ["-p", directory]);
    return "";
  } catch (error) {
    return (error as { stdout?: string }).stdout ?? String(error);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
