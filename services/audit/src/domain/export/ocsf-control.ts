import { chainOf, envelope } from "./ocsf-classes.ts";
import { dataOf, type ExportRecord, present, textOf } from "./record.ts";

interface Activity {
  readonly id: number;
  readonly name: string;
}

/** What OCSF calls what was done to an agent, a policy, an approval or a budget. */
const activities: Readonly<Record<string, Activity>> = {
  registered: { id: 6, name: "Enroll" },
  retired: { id: 7, name: "Unenroll" },
  published: { id: 1, name: "Create" },
  proposed: { id: 1, name: "Create" },
  issued: { id: 1, name: "Create" },
  delegated: { id: 1, name: "Create" },
  requested: { id: 1, name: "Create" },
  rolledback: { id: 3, name: "Update" },
  promoted: { id: 3, name: "Update" },
  voted: { id: 3, name: "Update" },
  activated: { id: 10, name: "Activate" },
  revoked: { id: 11, name: "Deactivate" },
  token_revoked: { id: 11, name: "Deactivate" },
  owner_revoked: { id: 11, name: "Deactivate" },
  tenant_revoked: { id: 11, name: "Deactivate" },
  suspended: { id: 12, name: "Suspend" },
  resumed: { id: 13, name: "Resume" },
  personal_shown: { id: 2, name: "Read" },
  subject_erased: { id: 4, name: "Delete" },
};

/** What happened to policies, identities, approvals and budgets. */
export function entityManagement(record: ExportRecord): Record<string, unknown> {
  const { noun, verb } = wordsOf(record.type);
  const data = dataOf(record);
  return present({
    ...envelope(record, {
      of: "entity_management",
      activity: activities[verb] ?? { id: 99, name: verb },
      correlation: textOf(data.approvalId) ?? textOf(data.parentTokenId),
    }),
    message: `${noun} ${verb}`,
    status_id: 1,
    status: "Success",
    actor: actorOf(data.by ?? data.author ?? data.voter),
    entity: entityOf(noun, record),
    // Control events hold no arguments and no credential: names, digests and counts.
    unmapped: { aegis: { ...data, ledger: chainOf(record) } },
  });
}

/** A message that was no event of ours, or a second one in another's place: someone forges, or a producer is broken. */
export function detectionFinding(record: ExportRecord): Record<string, unknown> {
  const { reason, detail, digest, bytes } = dataOf(record);
  const title = `Ledger alarm: ${textOf(reason) ?? "unknown"}`;
  return present({
    ...envelope(record, { of: "detection_finding", activity: { id: 1, name: "Create" }, profiles: ["security_control"] }),
    message: title,
    status_id: 1,
    status: "New",
    is_alert: true,
    action_id: 3,
    action: "Observed",
    disposition_id: 19,
    disposition: "Alert",
    finding_info: present({ uid: record.id, title, desc: textOf(detail), types: ["ledger"] }),
    unmapped: { aegis: present({ reason, digest, bytes, ledger: chainOf(record) }) },
  });
}

function actorOf(by: unknown): Record<string, unknown> | undefined {
  const name = textOf(by);
  return name === undefined ? undefined : { user: { name, uid: name } };
}

function entityOf(noun: string, record: ExportRecord): Record<string, unknown> {
  const data = dataOf(record);
  if (noun === "policy") {
    const version = textOf(data.version);
    const policy = present({ name: `policies of ${record.tenant}`, uid: textOf(data.snapshotDigest), version });
    return present({ name: record.tenant, type: "Policy", type_id: 5, version, policy });
  }
  const name = textOf(data.agent) ?? textOf(data.scope) ?? textOf(data.owner) ?? record.tenant;
  const uid = textOf(data.approvalId) ?? textOf(data.tokenId);
  return present({ name, uid, type: noun, type_id: 99, data: present({ tool: textOf(data.tool), action: textOf(data.action) }) });
}

/** "dev.aegis.identity.registered.v1" → identity, registered. */
function wordsOf(type: string): { readonly noun: string; readonly verb: string } {
  const [, , noun = "event", verb = "recorded"] = type.split(".");
  return { noun, verb };
}
