import type { Database } from "@aegis/postgres/connect";
import { systemClock } from "@aegis/service/clock";
import type { ServiceContext } from "@aegis/service/run";
import { tenantSecrets } from "@aegis/service/tenant-secrets";
import { v7 } from "uuid";
import type { readConfig } from "./config.ts";
import { accessRequestStore } from "./outbound/access-request-store.ts";
import { alertStore } from "./outbound/alert-store.ts";
import { approvalStore } from "./outbound/approval-store.ts";
import { changes } from "./outbound/changes.ts";
import { channelStore } from "./outbound/channel-store.ts";
import { couriers } from "./outbound/couriers.ts";
import { deliveryStore } from "./outbound/delivery-store.ts";
import { eventWriter } from "./outbound/events.ts";
import { grantStore } from "./outbound/grant-store.ts";
import { historyStore } from "./outbound/history.ts";
import { memberStore } from "./outbound/member-store.ts";
import { overrideStore } from "./outbound/override-store.ts";
import { slackPort } from "./outbound/slack.ts";
import { slackSocket } from "./outbound/slack-socket.ts";
import { statistics } from "./outbound/statistics.ts";
import type { Tables } from "./outbound/tables.ts";
import { tokens } from "./outbound/tokens.ts";
import { signals } from "./signals.ts";

interface Means extends Pick<ServiceContext, "own" | "logger" | "telemetry" | "instance"> {
  readonly config: ReturnType<typeof readConfig>;
  readonly db: Database<Tables>;
}

/** Everything use cases reach the world through. */
export function makePorts({ config, db, own, logger, telemetry, instance }: Means) {
  const events = eventWriter(instance);
  const told = signals(telemetry, logger);
  const { slackApiUrl, channelsAllowInternal: allowInternal } = config;
  const secrets = tenantSecrets(config.channelSecretsDirectory);
  const slack = { secrets, apiUrl: slackApiUrl };
  return {
    approvals: approvalStore(db, events),
    overrides: overrideStore(db, events),
    grants: grantStore(db, events),
    newId: () => v7(),
    accessRequests: accessRequestStore(db, events),
    history: historyStore(db),
    statistics: statistics(db),
    tokens,
    changes: own(changes(db, logger)),
    clock: systemClock,
    signals: told,
    channels: channelStore(db),
    deliveries: deliveryStore(db),
    alerts: alertStore(db),
    couriers: couriers({ secrets, slackApiUrl, consoleUrl: config.consoleUrl, allowInternal }),
    members: memberStore(db),
    slack: slackPort(db, slack),
    slackSocket: slackSocket({ ...slack, logger }),
    backoff: { firstMs: config.channelBackoffMs, capMs: config.channelBackoffCapMs },
    channelSignals: told,
  };
}
