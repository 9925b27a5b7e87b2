import { apiActivity, outcomeActivity } from "./ocsf-activity.ts";
import { type OcsfClass, ocsfClassOf } from "./ocsf-classes.ts";
import { detectionFinding, entityManagement } from "./ocsf-control.ts";
import type { ExportRecord } from "./record.ts";

const makers: Readonly<Record<OcsfClass, (record: ExportRecord) => Record<string, unknown>>> = {
  api_activity: (record) => (record.kind === "outcome" ? outcomeActivity(record) : apiActivity(record)),
  entity_management: entityManagement,
  detection_finding: detectionFinding,
};

/** The entry as an event of OCSF 1.8.0: calls and their outcomes as API Activity, what changed as Entity Management, alarms as Detection Finding. */
export const ocsfRecord = (record: ExportRecord): Record<string, unknown> => makers[ocsfClassOf(record)](record);
