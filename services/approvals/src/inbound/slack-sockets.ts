import { every } from "@aegis/service/every";
import type { Channel } from "#domain/channel.ts";
import type { ChannelPorts } from "#usecases/channel-ports.ts";
import { socketClick } from "#usecases/click.ts";
import type { Ports } from "#usecases/ports.ts";
import { clickOf } from "./slack-payload.ts";

const everyMs = 3_000;

type Open = (channel: Channel, heard: (payload: unknown) => Promise<void>) => Promise<AsyncDisposable>;

/** Keeps a connection to Slack for each channel that has an app token, as channels come, change and go. */
export function keepSlackSockets(ports: Ports & ChannelPorts, open: Open): AsyncDisposable {
  const sockets = new Map<string, AsyncDisposable>();
  const keyOf = (channel: Channel) => JSON.stringify([channel.tenant, channel.name, channel.target]);
  const adjust = async () => {
    const wanted = new Map((await ports.channels.withSockets()).map((channel) => [keyOf(channel), channel]));
    for (const [key, socket] of sockets) {
      if (wanted.has(key)) continue;
      sockets.delete(key);
      await socket[Symbol.asyncDispose]();
    }
    for (const [key, channel] of wanted) {
      if (sockets.has(key)) continue;
      const heard = async (payload: unknown) => {
        const click = clickOf(payload);
        if (click !== undefined) await socketClick(ports, click, channel);
      };
      try {
        sockets.set(key, await open(channel, heard));
      } catch (error) {
        ports.channelSignals.unanswered(channel, error);
      }
    }
  };
  const adjusting = every(everyMs, adjust, (error) => ports.channelSignals.socketsFailed(error));
  return {
    async [Symbol.asyncDispose]() {
      await adjusting[Symbol.asyncDispose]();
      await Promise.all([...sockets.values()].map((socket) => socket[Symbol.asyncDispose]()));
    },
  };
}
