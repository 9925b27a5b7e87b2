import { expect, test } from "vitest";
import { Health } from "./health.ts";

test("a check that never reported keeps the service from being ready", () => {
  const health = new Health();
  const nats = health.check("nats");
  const spool = health.check("spool");
  nats.up();
  expect(health.state()).toEqual({ ready: false, checks: { nats: "up", spool: "starting" } });
  spool.up();
  expect(health.state().ready).toBe(true);
  nats.down("disconnected");
  expect(health.state()).toEqual({ ready: false, checks: { nats: "disconnected", spool: "up" } });
});

test("listeners hear each change once", () => {
  const health = new Health();
  const heard: boolean[] = [];
  const nats = health.check("nats");
  health.onChange((state) => heard.push(state.ready));
  nats.up();
  nats.up();
  nats.down("gone");
  expect(heard).toEqual([false, true, false]);
});
