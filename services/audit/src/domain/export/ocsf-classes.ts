import { type ExportRecord, integerOf, present } from "./record.ts";
import { type Severity, severityOf } from "./severity.ts";

/** The released schema that records follow: what they hold is checked against it. */
const ocsfVersion = "1.8.0";

/** The classes in use, by their names in the schema; also the last token of the subject an event is published on. */
export const ocsfClasses = {
  api_activity: { category_uid: 6, category_name: "Application Activity", class_uid: 6003, class_name: "API Activity" },
  entity_management: { category_uid: 3, category_name: "Identity & Access Management", class_uid: 3004, class_name: "Entity Management" },
  detection_finding: { category_uid: 2, category_name: "Findings", class_uid: 2004, class_name: "Detection Finding" },
} as const;

export type OcsfClass = keyof typeof ocsfClasses;

/** Which class an entry becomes. */
export function ocsfClassOf({ kind }: Pick<ExportRecord, "kind">): OcsfClass {
  if (kind === "quarantine") return "detection_finding";
  return kind === "control" ? "entity_management" : "api_activity";
}

interface Envelope {
  readonly of: OcsfClass;
  readonly activity: { readonly id: number; readonly name: string };
  readonly profiles?: readonly string[];
  readonly correlation?: string | undefined;
}

const severities: Readonly<Record<Severity, { id: number; caption: string }>> = {
  informational: { id: 1, caption: "Informational" },
  low: { id: 2, caption: "Low" },
  medium: { id: 3, caption: "Medium" },
  high: { id: 4, caption: "High" },
  critical: { id: 5, caption: "Critical" },
};

/** What every event of ours says, whatever its class. */
export function envelope(record: ExportRecord, { of, activity, profiles = [], correlation }: Envelope): Record<string, unknown> {
  const severity = severities[severityOf(record)];
  const { class_uid, class_name, category_uid, category_name } = ocsfClasses[of];
  return {
    class_uid,
    class_name,
    category_uid,
    category_name,
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: class_uid * 100 + activity.id,
    type_name: `${class_name}: ${activity.name}`,
    severity_id: severity.id,
    severity: severity.caption,
    time: record.occurredMs,
    metadata: present({
      version: ocsfVersion,
      product: { name: "Aegis", vendor_name: "Aegis", feature: { name: record.kind } },
      uid: record.id,
      tenant_uid: record.tenant,
      sequence: integerOf(record.sequence),
      event_code: record.type,
      log_name: "aegis.ledger",
      logged_time: record.recordedMs,
      correlation_uid: correlation,
      profiles,
    }),
    // RFC 6962 §2.1: a leaf's hash has a prefix, so it is no plain SHA-256 of its bytes.
    raw_data_hash: { algorithm_id: 99, algorithm: "SHA-256 of an RFC 6962 leaf", value: record.leafHash },
  };
}

/** Where an entry stands in its tenant's chain: what its inclusion is proven by. */
export const chainOf = ({ tenant, sequence, leafHash, previousHash }: ExportRecord) => ({
  chain: `ledger/${tenant}`,
  sequence,
  leaf_hash: leafHash,
  previous_hash: previousHash,
});
