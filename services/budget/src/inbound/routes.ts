import type { OperatorAuth } from "@aegis/http/operator";
import type { HttpServer } from "@aegis/http/server";
import type { Ports } from "#usecases/ports.ts";
import { breakerRoutes } from "./breakers.ts";
import { budgetRoutes } from "./http.ts";
import { spendingRoutes } from "./spending.ts";

/** Everything that is served over HTTP. */
export function routes(server: HttpServer, ports: Ports, operators: OperatorAuth): void {
  budgetRoutes(server, ports, operators);
  breakerRoutes(server, ports, operators);
  spendingRoutes(server, ports, operators);
}
