import { createLogger } from "@aegis/service/logger";
import { openSpool } from "@aegis/spool/spool";

/** Appends for ever and says each sequence that was promised to be safe; meant to be killed. */
const spool = await openSpool({
  directory: process.argv[2] as string,
  logger: createLogger({ service: "test", instance: "test", level: "silent" }),
  limits: { maxBytes: 1e9, segmentBytes: 20_000 },
});
for (;;) {
  const promised: number[] = [];
  const work = Array.from({ length: 20 }, (_, index) => {
    let mine = 0;
    const make = (sequence: number) => {
      mine = sequence;
      return Buffer.from(`event ${sequence}`);
    };
    return spool.append(make, index % 2 === 0 ? "T1" : "T2").then(() => promised.push(mine));
  });
  await Promise.all(work);
  process.stdout.write(promised.map((sequence) => `${spool.epoch} ${sequence}\n`).join(""));
}
