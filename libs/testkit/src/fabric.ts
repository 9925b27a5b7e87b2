import type { Bus } from "@aegis/bus/connect";
import type { ServiceName } from "@aegis/contracts/subjects";

export interface TestBus extends AsyncDisposable {
  /** Connected without limits, with all streams made. */
  readonly bus: Bus;
  readonly url: string;
  /** kill -9 of the server; `start` brings it back on the same port with the same data. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** A NATS server of its own with JetStream in a temporary directory, and a connected bus. */
export declare function testBus(): Promise<TestBus>;

export interface TestDatabase extends AsyncDisposable {
  /** Login of the service's runtime role. */
  readonly url: string;
  /** Login of the service's migrator, a member of `owner`. */
  readonly migrationUrl: string;
  readonly superuserUrl: string;
  readonly schema: string;
  readonly owner: string;
}

/** A fresh database with all roles and schemas, on a server shared by this process. */
export declare function testDatabase(service: ServiceName): Promise<TestDatabase>;
