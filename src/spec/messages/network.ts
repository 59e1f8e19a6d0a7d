/** `network` of a spec and of a virtual host. */
import { type EnumName, enumeration, message, NOT_YET, optional, type Resolved } from "../descriptor.ts";

export const NetworkSpec = message(
  "NetworkSpec",
  "Isolation of network traffic. It has no fields yet; a network of its own is `virtual_host.network`.",
  {},
);
export interface NetworkSpec extends Resolved<typeof NetworkSpec> {}

export const NetworkVethPair = message(
  "Network.VethPair",
  "A virtual cable: what enters one end leaves the other.",
  {
    outside: optional(1, "string", "Name of the end on the host; must be given."),
    inside: optional(2, "string", "Name of the end in the container; must be given."),
  },
);
export interface NetworkVethPair extends Resolved<typeof NetworkVethPair> {}

export const NetworkBridgeType = enumeration("Network.Bridge.Type", "The kind of a bridge.", {
  ETH: [0, "A bridge of the kernel."],
  OVS: [1, "A bridge of Open vSwitch."],
});
export type NetworkBridgeType = EnumName<typeof NetworkBridgeType>;

export const NetworkBridge = message("Network.Bridge", "A bridge on the host.", {
  name: optional(1, "string", "Name of the bridge; must be given."),
  type: optional(2, NetworkBridgeType, "Kind of the bridge.", { default: "ETH" }),
});
export interface NetworkBridge extends Resolved<typeof NetworkBridge> {}

export const NetworkConnection = message("Network.Connection", "How the container is wired to the host.", {
  veth_pair: optional(1, NetworkVethPair, "The cable; must be given."),
  bridge: optional(2, NetworkBridge, "The bridge that the outer end is plugged into.", { default: "none" }),
});
export interface NetworkConnection extends Resolved<typeof NetworkConnection> {}

export const NetworkVirtualIp = message("Network.VirtualIp", "The address of the inner interface.", {
  ip: optional(1, "string", "Address; must be given."),
  netmask: optional(2, "string", 'Network mask, as dotted numbers or as the length of the prefix (`"24"`).'),
  gateway: optional(3, "string", "Address that the default route leads to.", { default: "no default route" }),
  mtu: optional(4, "int32", "Largest packet.", { unit: "bytes", default: "what the kernel chooses" }),
  ip_forward: optional(5, "bool", "Whether the container forwards packets between its interfaces.", {
    default: "what the kernel chooses",
  }),
});
export interface NetworkVirtualIp extends Resolved<typeof NetworkVirtualIp> {}

export const Network = message(
  "Network",
  "A network of the container's own. Without fields it holds the loopback interface only.",
  {
    interface: optional(
      1,
      "string",
      "An interface of the host to move into the container; excludes `connection`.",
      { unserved: NOT_YET },
    ),
    virtual_ip: optional(2, NetworkVirtualIp, "Address of the interface in the container.", {
      unserved: NOT_YET,
    }),
    connection: optional(3, NetworkConnection, "A connection to the host; excludes `interface`.", {
      unserved: NOT_YET,
    }),
  },
);
export interface Network extends Resolved<typeof Network> {}
