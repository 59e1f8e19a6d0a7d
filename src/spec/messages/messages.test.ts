/** The messages keep the names, numbers and types of lmctfy 0.5.0, so that its specs parse. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Enum, Field, Message } from "../descriptor.ts";
import { ALL_TYPES } from "./all.ts";

/** The messages of lmctfy 0.5.0: `?` optional, `*` repeated, `!` required. */
const ORIGINAL = `
ContainerSpec: owner 1 int64?, owner_group 8 int64?, children_limit 9 int64?, cpu 2 CpuSpec?, memory 3 MemorySpec?, network 5 NetworkSpec?, blockio 12 BlockIoSpec?, monitoring 6 MonitoringSpec?, filesystem 7 FilesystemSpec?, device 11 DeviceSpec?, virtual_host 10 VirtualHostSpec?, security_spec 13 SecuritySpec?
EventSpec: oom 1 Oom?, memory_threshold 2 MemoryThreshold?, container_empty 3 ContainerEmpty?
EventSpec.Oom: (empty)
EventSpec.MemoryThreshold: usage 1 int64?
EventSpec.ContainerEmpty: (empty)
RunSpec: fd_policy 1 FdPolicy?, console 2 Console?, apparmor_profile 3 string?
enum RunSpec.FdPolicy: UNKNOWN=0, INHERIT=1, DETACHED=2
RunSpec.Console: slave_pty 1 string?
VirtualHostSpec: virtual_hostname 1 string?, init 2 Init?, network 3 Network?
VirtualHostSpec.Init: init_argv 1 string*, run_spec 2 RunSpec?
enum SchedulingLatency: BEST_EFFORT=1, NORMAL=2, PRIORITY=3, PREMIER=4
CpuSpec: scheduling_latency 1 SchedulingLatency?, limit 2 uint64?, max_limit 3 uint64?, mask 4 Mask?
CpuSpec.Mask: data 1 uint64*
MemorySpec: eviction_priority 1 int32?, limit 2 int64?, max_limit 3 int64?, reservation 4 int64?, hugetlbfs_path 5 string?, tmpfs 6 TmpfsSpec?, swap_limit 7 int64?, compression_sampling_ratio 8 int32?, stale_page_age 9 int32?, dirty 10 Dirty?, kmem_charge_usage 11 bool?
MemorySpec.TmpfsSpec: path 1 string*
MemorySpec.Dirty: ratio 1 int32?, limit 2 int32?, background_ratio 3 int32?, background_limit 4 int32?
BlockIoSpec: device_limit_set 1 DeviceLimitSet?, max_device_limit_set 2 MaxLimitSet?
BlockIoSpec.Device: major 1 int64?, minor 2 int64?
enum BlockIoSpec.OpType: READ=1, WRITE=2
enum BlockIoSpec.LimitType: BYTES_PER_SECOND=1, IO_PER_SECOND=2
BlockIoSpec.DeviceLimit: device 1 Device?, limit 2 uint64?
BlockIoSpec.DeviceLimitSet: default_limit 1 uint32?, device_limits 2 DeviceLimit*
BlockIoSpec.MaxLimit: limits 1 DeviceLimit*, op_type 2 OpType?, limit_type 3 LimitType?
BlockIoSpec.MaxLimitSet: max_limits 1 MaxLimit*
NetworkSpec: (empty)
MonitoringSpec: enable_perf_counters 1 bool?
FilesystemSpec: fd_limit 1 uint64?, rootfs 2 string?, mounts 3 Mounts?
DeviceSpec: restrictions_set 1 DeviceRestrictionsSet?
enum DeviceSpec.DeviceType: DEVICE_CHAR=0, DEVICE_BLOCK=1, DEVICE_ALL=2
enum DeviceSpec.DeviceAccess: READ=1, WRITE=2, MKNOD=3
enum DeviceSpec.DevicePermission: ALLOW=1, DENY=2
DeviceSpec.DeviceRestrictions: permission 1 DevicePermission?, type 2 DeviceType?, access 3 DeviceAccess*, major 4 int64?, minor 5 int64?
DeviceSpec.DeviceRestrictionsSet: restrictions 1 DeviceRestrictions*
SecuritySpec: apparmor_profile 1 AppArmorProfile?
SecuritySpec.AppArmorProfile: name 1 string?
ContainerStats: cpu 1 CpuStats?, memory 2 MemoryStats?, network 4 NetworkStats?, blockio 7 BlockIoStats?, monitoring 5 MonitoringStats?, filesystem 6 FilesystemStats?
enum CpuHistogramType: SERVE=1, ONCPU=2, SLEEP=3, QUEUE_SELF=4, QUEUE_OTHER=5
HistogramMap: type 1 CpuHistogramType!, stat 2 Bucket*
HistogramMap.Bucket: bucket 1 int32!, value 2 int64!
ThrottlingData: periods 1 int64?, throttled_periods 2 int64?, throttled_time 3 int64?
CpuStats: usage 1 Usage?, load 2 int32?, throttling_data 3 ThrottlingData?, histograms 4 HistogramMap*
CpuStats.Usage: total 1 uint64?, per_cpu 2 int64*, user 3 int64?, system 4 int64?
MemoryStats: limit 1 int64?, effective_limit 2 int64?, reservation 3 int64?, usage 4 int64?, max_usage 5 int64?, working_set 6 int64?, container_data 7 MemoryData?, hierarchical_data 8 MemoryData?, hierarchical_memory_limit 9 int64?, numa 10 NumaStats?, idle_page 11 IdlePageStats?, compression_sampling 12 CompressionSamplingStats?, fail_count 13 int64?
MemoryStats.MemoryData: cache 1 int64?, rss 2 int64?, rss_huge 3 int64?, mapped_file 4 int64?, pgpgin 5 int64?, pgpgout 6 int64?, pgfault 7 int64?, pgmajfault 8 int64?, dirty 9 int64?, writeback 10 int64?, inactive_anon 11 int64?, active_anon 12 int64?, inactive_file 13 int64?, active_file 14 int64?, unevictable 15 int64?, thp 16 THP?, kernel 17 Kernel?, kernel_noncharged 18 Kernel?, compressed_pool_pages 19 int64?, compressed_stored_pages 20 int64?, compressed_reject_compress_poor 21 int64?, zswap_zsmalloc_fail 22 int64?, zswap_kmemcache_fail 23 int64?, zswap_duplicate_entry 24 int64?, zswap_compressed_pages 25 int64?, zswap_decompressed_pages 26 int64?, zswap_compression_nsec 27 int64?, zswap_decompression_nsec 28 int64?
MemoryStats.MemoryData.THP: fault_alloc 1 int64?, fault_fallback 2 int64?, collapse_alloc 3 int64?, collapse_alloc_failed 4 int64?, split 5 int64?
MemoryStats.MemoryData.Kernel: memory 1 int64?, slab_memory 2 int64?, stack_memory 3 int64?, pgtable_memory 4 int64?, vmalloc_memory 5 int64?, misc_memory 6 int64?, targeted_slab_memory 7 int64?, compressed_memory 8 int64?
MemoryStats.NumaStats: container_data 1 NumaData?, hierarchical_data 2 NumaData?
MemoryStats.NumaStats.NumaData: total 1 Stat?, file 2 Stat?, anon 3 Stat?, unevictable 4 Stat?
MemoryStats.NumaStats.NumaData.Stat: node 1 Node*, total_page_count 2 int64?
MemoryStats.NumaStats.NumaData.Stat.Node: level 1 int32?, page_count 2 int64?
MemoryStats.IdlePageStats: stats 1 Stats*, scans 2 int64?, stale 3 int64?
MemoryStats.IdlePageStats.Stats: age_in_secs 1 int32?, clean 2 int64?, dirty_file 3 int64?, dirty_swap 4 int64?
MemoryStats.CompressionSamplingStats: raw_size 1 int64?, compressed_size 2 int64?, fifo_overflow 3 int64?
BlockIoStats: (empty)
NetworkStats: (empty)
MonitoringStats: (empty)
FilesystemStats: fd_usage 1 int64?, fd_max_usage 2 int64?, fd_fail_count 3 int64?
Network: interface 1 string?, connection 3 Connection?, virtual_ip 2 VirtualIp?
Network.VethPair: outside 1 string?, inside 2 string?
Network.Bridge: name 1 string?, type 2 Type?
enum Network.Bridge.Type: ETH=0, OVS=1
Network.Connection: veth_pair 1 VethPair?, bridge 2 Bridge?
Network.VirtualIp: ip 1 string?, netmask 2 string?, gateway 3 string?, mtu 4 int32?, ip_forward 5 bool?
Mounts: mount 1 Mount*
Mounts.Mount: source 1 string?, target 2 string?, read_only 3 bool?, private 4 bool?
enum CgroupHierarchy: CGROUP_UNKNOWN=0, CGROUP_CPU=1, CGROUP_CPUACCT=2, CGROUP_CPUSET=3, CGROUP_FREEZER=4, CGROUP_JOB=6, CGROUP_MEMORY=7, CGROUP_NET=8, CGROUP_PERF_EVENT=9, CGROUP_RLIMIT=10, CGROUP_DEVICE=11, CGROUP_BLOCKIO=12
CgroupMount: mount_path 1 string?, hierarchy 2 CgroupHierarchy*
MachineSpec: virtual_root 1 VirtualRoot?, cgroup_mount 2 CgroupMount*
MachineSpec.VirtualRoot: cgroup_virtual_root 1 CgroupVirtualRoot*
MachineSpec.VirtualRoot.CgroupVirtualRoot: hierarchy 1 CgroupHierarchy?, root 2 string?
InitSpec: cpu 1 CpuInitSpec?, memory 2 MemoryInitSpec?, network 4 NetworkInitSpec?, monitoring 5 MonitoringInitSpec?, filesystem 6 FilesystemInitSpec?, blockio 8 BlockIoInitSpec?, cgroup_mount 7 CgroupMount*
CpuInitSpec: (empty)
MemoryInitSpec: (empty)
DiskIoInitSpec: (empty)
BlockIoInitSpec: (empty)
NetworkInitSpec: (empty)
MonitoringInitSpec: (empty)
FilesystemInitSpec: (empty)
`;

const LABELS = { "?": "optional", "*": "repeated", "!": "required" } as const;
const BY_NAME = new Map<string, Message | Enum>(ALL_TYPES.map(type => [type.name, type]));

function shortType(field: Field): string {
  return typeof field.type === "string"
    ? field.type
    : field.type.name.slice(field.type.name.lastIndexOf(".") + 1);
}

describe("messages", () => {
  for (const line of ORIGINAL.trim().split("\n")) {
    const [head, body] = line.split(": ") as [string, string];
    it(head, () => {
      const type = BY_NAME.get(head.replace("enum ", ""));
      assert.ok(type !== undefined, `${head} is missing`);
      if (body === "(empty)") return;
      for (const part of body.split(", ")) {
        if (type.kind === "enum") {
          const [name, number] = part.split("=");
          assert.equal(type.byName.get(name!), Number(number));
        } else {
          const [name, number, typeAndLabel] = part.split(" ") as [string, string, string];
          const field = type.byName.get(name);
          assert.ok(field !== undefined, `${part} is missing`);
          assert.equal(field.number, Number(number), part);
          assert.equal(
            `${shortType(field)} ${field.label}`,
            `${typeAndLabel.slice(0, -1)} ${LABELS[typeAndLabel.slice(-1) as "?"]}`,
          );
        }
      }
    });
  }

  it("adds fields only from number 100 on", () => {
    const known = new Map(
      ORIGINAL.trim()
        .split("\n")
        .map(line => line.split(": ") as [string, string]),
    );
    for (const type of ALL_TYPES) {
      const body = known.get(type.name);
      if (type.kind === "enum" || body === undefined) continue;
      const numbers = new Set(body.split(", ").map(part => Number(part.split(" ")[1])));
      for (const field of type.list) {
        assert.ok(numbers.has(field.number) || field.number >= 100, `${type.name}.${field.name}`);
      }
    }
  });

  it("uses no number and no name twice", () => {
    for (const type of ALL_TYPES) {
      const count = type.kind === "enum" ? type.values.length : Object.keys(type.fields).length;
      assert.equal(type.byNumber.size, count, type.name);
      assert.equal(type.byName.size, count, type.name);
      if (type.kind === "message") assert.equal(type.byJsonName.size, count, type.name);
    }
    assert.equal(BY_NAME.size, ALL_TYPES.length);
  });
});
