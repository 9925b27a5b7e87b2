import { connect as connectTcp, isIP, type TcpNetConnectOpts } from "node:net";
import { hostname } from "node:os";
import { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { isInternal, mayBeInternal, type OutwardOptions, publicOnly } from "@aegis/http/outward";
import { asLine, type ExportFormat } from "#domain/export/formats.ts";
import type { ExportRecord } from "#domain/export/record.ts";
import { type Severity, severityOf } from "#domain/export/severity.ts";
import { allTaken, noneTaken } from "#domain/sink.ts";
import type { Carrier } from "#usecases/export-ports.ts";
import type { CarrierTools } from "./splunk.ts";

const timeoutMs = 15_000;
/** RFC 5424 §6.2.1: log audit. */
const facility = 13;
const severities: Readonly<Record<Severity, number>> = { informational: 6, low: 5, medium: 4, high: 3, critical: 2 };

/**
 * Syslog over TLS (RFC 5425) as RFC 5424 writes it. Syslog has no acknowledgement, and what lies in a socket when its peer dies is lost
 * without a word. So each batch has a connection of its own, and counts as delivered once the receiver, told that nothing more comes
 * (§4.4, close_notify), has read to the end and closed in turn.
 */
export function syslogCarrier({ secret, allowInternal }: Pick<CarrierTools, "secret"> & Pick<OutwardOptions, "allowInternal">): Carrier {
  return async ({ tenant, target, format, records }) => {
    if (target.kind !== "syslog") return noneTaken("the sink is of another kind");
    const { host, port } = target;
    const anywhere = mayBeInternal(host, allowInternal);
    if (!anywhere && isIP(host) !== 0 && isInternal(host)) return noneTaken("the host is an internal address");
    const pem = async (name: string | undefined) => (name === undefined ? undefined : await secret(tenant, name));
    const [ca, cert, key] = await Promise.all([pem(target.ca), pem(target.cert), pem(target.key)]);
    const channel = openChannel({ host, port, ...(anywhere ? {} : { lookup: publicOnly }) });
    const socket = connect({
      socket: channel,
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      minVersion: "TLSv1.2",
    });
    await sent(socket, channel, Buffer.concat(records.map((record) => frame(record, format))));
    return allTaken(records.length);
  };
}

/** Resolves once the peer has read everything and said, by TLS, that it closes: a process that dies closes too, but says nothing. */
function sent(socket: TLSSocket, channel: Channel, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error("the receiver did not read to the end in time")), timeoutMs);
    let saidSo = false;
    socket.once("secureConnect", () => socket.end(bytes));
    socket.once("end", () => {
      saidSo = !channel.isCut();
    });
    // A receiver says nothing; what it says all the same must be read for its end to be seen.
    socket.resume();
    socket.once("error", (error) => {
      clearTimeout(timer);
      channel.destroy();
      reject(error);
    });
    socket.once("close", (failed) => {
      clearTimeout(timer);
      channel.destroy();
      if (saidSo && !failed && socket.writableFinished) resolve();
      else reject(new Error("the receiver closed before it had read to the end"));
    });
  });
}

type Channel = Duplex & { /** Whether the connection below TLS has ended. */ isCut(): boolean };

/** Longer than TLS takes to say what it was told before the connection ended. */
const endAfterMs = 50;

/**
 * A TCP connection whose end is passed on a moment late. TLS ends for its reader at the peer's close_notify as at the connection's own
 * end, and looks the same: only which of the two came first tells them apart.
 */
function openChannel(to: TcpNetConnectOpts): Channel {
  const raw = connectTcp(to);
  let cut = false;
  const channel = new Duplex({
    read: () => void raw.resume(),
    write: (chunk: Buffer, _encoding, done) => void raw.write(chunk, done),
    final: (done) => void raw.end(done),
    destroy(error, done) {
      raw.destroy();
      done(error);
    },
  });
  raw.on("data", (chunk) => channel.push(chunk) || raw.pause());
  raw.on("end", () =>
    setTimeout(() => {
      cut = true;
      channel.push(null);
    }, endAfterMs),
  );
  raw.on("error", (error) => channel.destroy(error));
  return Object.assign(channel, { isCut: () => cut });
}

/** RFC 5425 §4.3: the length in bytes, a space, the message. */
function frame(record: ExportRecord, format: ExportFormat): Buffer {
  const priority = facility * 8 + severities[severityOf(record)];
  const header = `<${priority}>1 ${record.occurredAt} ${hostname()
    .replace(/[^\x21-\x7e]/g, "-")
    .slice(0, 255)} aegis - ${record.kind} -`;
  const message = Buffer.from(`${header} ${asLine(format, record)}`);
  return Buffer.concat([Buffer.from(`${message.length} `), message]);
}
