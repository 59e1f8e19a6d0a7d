import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRights } from "./rights.ts";

test("what takes root is refused for others, by name", () => {
  const denied = (message: RegExp) => ({ code: "PERMISSION_DENIED", message });
  const spec = { virtual_host: {}, owner: 5n, owner_group: 6n };
  assert.doesNotThrow(() => checkRights(spec, 0, []));
  assert.throws(() => checkRights({ virtual_host: {} }, 7, []), denied(/user 7 cannot have virtual_host/));
  assert.throws(
    () => checkRights({ device: { isolated: true } }, 7, []),
    denied(/cannot have device: only root/),
  );
  assert.throws(() => checkRights({ owner: 5n }, 7, []), denied(/cannot have owner 5: only root/));
  assert.throws(() => checkRights({ owner_group: 6n }, 7, [7]), denied(/cannot have owner_group 6/));
  assert.doesNotThrow(() => checkRights({ owner: 7n, owner_group: 6n, pids: { limit: 5n } }, 7, [6, 7]));
});
