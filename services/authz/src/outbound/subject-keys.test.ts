import { AegisError } from "@aegis/contracts/errors";
import { createLogger } from "@aegis/service/logger";
import { expect, test, vi } from "vitest";
import { type AskForKey, subjectKeys } from "./subject-keys.ts";

function given(ask: AskForKey) {
  let ms = 1_000_000;
  const asked: string[] = [];
  const keys = subjectKeys(
    (tenant, subject) => {
      asked.push(`${tenant}/${subject}`);
      return ask(tenant, subject);
    },
    { clock: { now: () => new Date(ms) }, logger: createLogger({ service: "test", instance: "test", level: "silent" }) },
  );
  return {
    ...{ keys, asked },
    pass: (by: number) => {
      ms += by;
    },
  };
}

const keyNamed = (id: string) => ({ id, secret: new Uint8Array(32) });

test("a person's key is asked for once, however many calls are about them, until it is ten minutes old", async () => {
  const { keys, asked, pass } = given(async (_, subject) => keyNamed(`${subject}.1`));
  const both = await Promise.all([keys.keyOf("acme", "wanda"), keys.keyOf("acme", "wanda")]);
  expect(both.map((key) => key?.id)).toEqual(["wanda.1", "wanda.1"]);
  pass(599_999);
  await keys.keyOf("acme", "wanda");
  expect(asked).toEqual(["acme/wanda"]);
  pass(1);
  await keys.keyOf("acme", "wanda");
  await keys.keyOf("umbrella", "wanda");
  expect(asked).toEqual(["acme/wanda", "acme/wanda", "umbrella/wanda"]);
});

test("the key of a person who was erased is used no more, not even one whose answer was on the way", async () => {
  let generation = 1;
  const { promise, resolve } = Promise.withResolvers<void>();
  const { keys } = given(async (_, subject) => {
    const key = keyNamed(`${subject}.${generation}`);
    await promise;
    return key;
  });
  const waiting = keys.keyOf("acme", "wanda");
  keys.forget("wanda.1");
  resolve();
  expect(await waiting).toBeUndefined();
  generation = 2;
  expect((await keys.keyOf("acme", "wanda"))?.id).toBe("wanda.2");
  keys.forget("wanda.2");
  generation = 3;
  expect((await keys.keyOf("acme", "wanda"))?.id).toBe("wanda.3");
});

test("while keys cannot be had nobody waits for them, and a second later they are asked for again", async () => {
  let away = true;
  const { keys, asked, pass } = given(async (_, subject) => {
    if (away) throw new AegisError("unavailable", "away");
    return keyNamed(`${subject}.1`);
  });
  expect(await keys.keyOf("acme", "wanda")).toBeUndefined();
  expect(await keys.keyOf("acme", "hugo")).toBeUndefined();
  expect(asked).toEqual(["acme/wanda"]);
  away = false;
  pass(1_000);
  expect((await keys.keyOf("acme", "hugo"))?.id).toBe("hugo.1");
});

test("a decision waits two seconds at most; what comes later is there for the next one", async () => {
  vi.useFakeTimers();
  try {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { keys, asked } = given(async (_, subject) => {
      await promise;
      return keyNamed(`${subject}.1`);
    });
    const waiting = keys.keyOf("acme", "wanda");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await waiting).toBeUndefined();
    resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect((await keys.keyOf("acme", "wanda"))?.id).toBe("wanda.1");
    expect(asked).toHaveLength(1);
  } finally {
    vi.useRealTimers();
  }
});
