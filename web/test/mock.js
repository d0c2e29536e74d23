// A program that is not there: the routes that the page asks, with numbers that move, for states that a real machine
// does not come into on demand.
//
//   node test/mock.js [PORT] [scenario=usual|empty|hostile|thousand|failing|denied] [prefix=/a/b]
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const MIB = 2 ** 20;
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "x-content-type-options": "nosniff",
};
export const EVIL = `"><script>window.hacked=1</script><img src=x onerror="window.hacked=2">`;

/** The same numbers in every run: what a test compares may not depend on luck. */
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const hex = (n) => n.toString(16).padStart(8, "0").repeat(8);

function known(scenario) {
  if (scenario === "empty") return [];
  const random = dice(7);
  const names = ["web", "api", "worker", "postgres", "redis", "nginx", "queue", "mailer", "search", "cron"];
  const projects = ["shop", "blog", "metrics"];
  const count = scenario === "thousand" ? 1000 : 24;
  const rows = Array.from({ length: count }, (_, n) => {
    const kind = names[n % names.length];
    const pod = n % 3 === 1 ? { pod: `${kind}-${hex(n).slice(0, 5)}`, namespace: n % 2 ? "default" : "kube-system" } : {};
    const runtime = n % 3 === 1 ? "containerd" : n % 7 === 2 ? "podman" : "docker";
    return {
      name: `/${runtime}/${hex(n + 1)}`,
      title: count > 100 ? `${kind}-${n}` : n < 10 ? kind : `${kind}-${Math.floor(n / 10) + 1}`,
      parent: `/${runtime}`,
      runtime,
      id: hex(n + 1),
      image: `registry.example/${kind}:${1 + (n % 4)}.${n % 10}`,
      state: "running",
      ...(n % 11 === 5 ? { health: "healthy" } : {}),
      created: new Date(Date.now() - (n + 1) * 5.3e6).toISOString(),
      ...pod,
      ...(n % 3 === 0 ? { compose: projects[n % projects.length] } : {}),
      labels: { app: kind, tier: n % 2 ? "front" : "back", ...(n % 3 === 0 ? { "com.docker.compose.project": projects[n % 3] } : {}) },
      ...(n % 4 === 0 ? { cpu_limit: 1 + (n % 3) / 2 } : {}),
      ...(n % 2 === 0 ? { memory_limit: (128 << n % 4) * MIB } : {}),
      base: random(),
      restarts: n === 2 ? 4 : 0,
      ...(n === 3 ? { ooms: 2 } : {}),
      ...(n === 0 ? { throttles: true } : {}),
      ...(n === 10 ? { reclaims: true, base: 0.97 } : {}),
    };
  });
  for (const [name, title] of [["/", "/"], ["/docker", "docker"], ["/containerd", "containerd"], ["/podman", "podman"], ["/system.slice", "system.slice"]]) {
    rows.push({ name, title, ...(name === "/" ? {} : { parent: "/" }), runtime: "", base: 0.3 });
  }
  for (const unit of ["ssh", "cron", "dbus"]) {
    rows.push({ name: `/system.slice/${unit}.service`, title: `${unit}.service`, parent: "/system.slice", runtime: "systemd", slice: "system.slice", state: "running", base: 0.05 });
  }
  if (scenario === "hostile") {
    rows.push({ name: `/docker/${EVIL}`, title: EVIL, parent: "/docker", runtime: "docker", id: EVIL, image: EVIL, state: "running", pod: EVIL, namespace: EVIL, compose: EVIL, labels: { [EVIL]: EVIL, "a\u202eb": "\u0000\u0007" }, base: 0.9, evil: true });
    rows.push({ name: "/docker/long", title: "x".repeat(5000), parent: "/docker", runtime: "docker", state: "running", labels: {}, base: 0.1 });
  }
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function moved(row, n, t) {
  const wave = (speed, shift = 0) => 0.5 + 0.5 * Math.sin(t / speed + n * 1.7 + shift);
  const { base, evil, reclaims, throttles, ...told } = row;
  const idle = n % 5 === 4;
  const cpu = throttles ? row.cpu_limit * (0.86 + 0.1 * wave(9)) : idle ? 0.002 : base * (row.cpu_limit ?? 0.4) * (0.4 + 0.6 * wave(9));
  const memory = row.memory_limit ? row.memory_limit * (0.35 + 0.6 * base * (0.9 + 0.1 * wave(20))) : (40 + 300 * base) * MIB;
  const now = {
    ...told, cpu: +cpu.toFixed(4), memory: Math.round(memory),
    rx: idle ? 0 : Math.round(90000 * base * wave(5)), tx: idle ? 0 : Math.round(40000 * base * wave(4)),
    read: idle ? 0 : Math.round(500000 * base * wave(13, 2)), write: idle ? 0 : Math.round(900000 * base * wave(11)),
    pressure: { cpu: +(base * 9 * wave(8)).toFixed(2), memory: 0, io: n % 6 === 3 ? +(30 * wave(8)).toFixed(2) : n === 7 ? 61.4 : 0.2 },
    processes: 1 + (n % 9), threads: 4 + (n % 30),
  };
  if (row.cpu_limit) now.throttled = throttles ? +(0.52 + 0.1 * wave(30)).toFixed(3) : base > 0.7 ? +(0.38 * wave(30)).toFixed(3) : 0;
  const lines = [row.cpu_limit && cpu / row.cpu_limit, row.memory_limit && memory / row.memory_limit].filter((part) => part);
  if (lines.length) now.load_line = Math.max(...lines);
  now.breaches = [];
  if (evil) now.breaches.push({ kind: "oom", severity: 3, text: `killed ${EVIL}` });
  // as docs/load-line.md has it
  const add = (kind, value, [close, at, past], text) => {
    const severity = value >= past ? 3 : value >= at ? 2 : value >= close ? 1 : 0;
    if (severity) now.breaches.push({ kind, severity, text });
  };
  if (row.ooms) add("oom", row.ooms, [1, 1, 2], `OOM-killed ${row.ooms > 1 ? "twice" : "once"} in the last hour`);
  add("throttled", now.throttled, [0.05, 0.25, 0.5], `throttled ${Math.floor(now.throttled * 100)} % of the time`);
  const full = row.memory_limit ? memory / row.memory_limit : 0;
  if (row.reclaims && full >= 0.9) add("memory-reclaim", 1, [0, 0, 0], `memory at ${Math.floor(full * 100)} % of its limit and reclaiming`);
  else add("memory-limit", full, [0.9, 0.97, 9], `memory at ${Math.floor(full * 100)} % of its limit`);
  add("pressure-io", now.pressure.io, [25, 50, 80], `waiting for disk ${Math.floor(now.pressure.io)} % of the time`);
  if (row.restarts) add("restarts", row.restarts, [1, 3, 9], `restarted ${row.restarts} times`);
  now.breaches.sort((a, b) => b.severity - a.severity);
  now.severity = now.breaches[0]?.severity ?? 0;
  return now;
}

const LAST = 30;

export function mock({ scenario = "usual", prefix = "", page = new URL("../dist/page.js", import.meta.url), interval = 2000, frozen = false } = {}) {
  const all = known(scenario);
  const begin = Date.now();
  let broken = scenario === "failing";
  const asked = [];
  const clock = () => (frozen ? 100 : (Date.now() - begin) / 1000 + 100);
  const at = (t) => rowsAt(t);
  const shared = new Set(["docker", "containerd", "podman", "systemd"]);
  function rowsAt(t) {
    const rows = all.map((row, n) => moved(row, n, t));
    // the machine has what its containers use, and some more
    const root = rows.find((row) => row.name === "/");
    for (const key of root ? ["cpu", "memory", "rx", "tx", "read", "write"] : []) {
      const sum = rows.reduce((sum, row) => sum + (shared.has(row.runtime) ? row[key] : 0), 0);
      root[key] = key === "cpu" ? +Math.min(7.9, sum + 0.4).toFixed(3) : Math.round(sum * 1.2);
    }
    if (root) root.breaches = [{ kind: "disk", severity: 1, text: "/dev/nvme0n1p2 is 92 % full" }];
    if (root) root.severity = 1;
    return rows;
  }
  function machine(t, rows) {
    const wave = 0.5 + 0.5 * Math.sin(t / 12);
    const root = rows.find((row) => row.name === "/") ?? { cpu: 0.3, memory: 900 * MIB, rx: 0, tx: 0, read: 0, write: 0 };
    return {
      name: "harbour", kernel: "6.12.9-amd64", os: "Debian GNU/Linux 12 (bookworm)", cores: 8, memory: 32 * 1024 * MIB,
      boot: new Date(begin - 3.1e8).toISOString(), cpu: root.cpu, memory_used: root.memory, swap_used: 380 * MIB,
      load: [2.41, 2.1, 1.88], rx: root.rx, tx: root.tx, read: root.read, write: root.write,
      fullest: { device: "/dev/nvme0n1p2", share: 0.924 },
      pressure: { cpu: +(6 * wave).toFixed(2), memory: 0, io: +(4 * wave).toFixed(2) },
    };
  }
  const runtimes = [
    { name: "docker", state: "up", version: "27.3.1", containers: 13 },
    { name: "containerd", state: "up", version: "1.7.22", containers: 8 },
    { name: "podman", state: "down", containers: 3, why: "cannot connect: /run/podman/podman.sock: Connection refused" },
    { name: "crio", state: "absent", containers: 0 },
  ];
  function overview(t) {
    const past = Array.from({ length: LAST }, (_, n) => t - (LAST - 1 - n) * 2);
    const rows = rowsAt(t);
    const lines = past.map((then) => rowsAt(then));
    rows.forEach((row, n) => {
      row.spark = { cpu: lines.map((then) => then[n].cpu), memory: lines.map((then) => then[n].memory) };
    });
    const machines = past.map((then, n) => machine(then, lines[n]));
    return {
      at: new Date().toISOString(), version: "0.1.0",
      machine: { ...machine(t, rows), spark: { cpu: machines.map((one) => one.cpu), memory: machines.map((one) => one.memory_used) } },
      runtimes: scenario === "empty" ? [{ name: "docker", state: "absent", containers: 0 }] : runtimes, rows,
    };
  }
  function delta(t, before) {
    const old = new Map(rowsAt(before).map((row) => [row.name, row]));
    const rows = rowsAt(t);
    const changed = rows.flatMap((row) => {
      const was = old.get(row.name);
      const fields = Object.fromEntries(Object.entries(row).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(was[key])));
      return Object.keys(fields).length ? [{ name: row.name, ...fields, spark: { cpu: row.cpu, memory: row.memory } }] : [];
    });
    const now = machine(t, rows);
    return { at: new Date().toISOString(), machine: { ...now, spark: { cpu: now.cpu, memory: now.memory_used } }, changed, gone: [], lost: {} };
  }
  function series(name, since) {
    const n = all.findIndex((row) => row.name === name);
    if (n < 0) return undefined;
    const end = clock();
    const instants = Array.from({ length: 120 }, (_, i) => end - (119 - i)).filter((t) => (begin / 1000 + t - 100) * 1000 > since + 0.5);
    const rows = instants.map((t) => rowsAt(t)[n]);
    const columns = {
      cpu: rows.map((row, i) => (i > 40 && i < 44 && instants.length > 100 ? null : row.cpu)),
      cpu_user: rows.map((row) => row.cpu * 0.7), cpu_system: rows.map((row) => row.cpu * 0.3),
      cpus: Array.from({ length: 8 }, (_, core) => rows.map((row, i) => Math.min(1, row.cpu * (0.06 + 0.12 * Math.sin(i / 40 + core) ** 2)))),
      memory: rows.map((row) => row.memory), memory_rss: rows.map((row) => row.memory * 0.7), memory_cache: rows.map((row) => row.memory * 0.45),
      rx: rows.map((row) => row.rx), tx: rows.map((row) => row.tx), read: rows.map((row) => row.read), write: rows.map((row) => row.write),
      read_ops: rows.map((row) => row.read / 9000), write_ops: rows.map((row) => row.write / 12000),
      pressure_cpu: rows.map((row) => row.pressure.cpu), pressure_memory: rows.map(() => 0), pressure_io: rows.map((row) => row.pressure.io),
      processes: rows.map((row) => row.processes), threads: rows.map((row) => row.threads),
    };
    if (all[n].cpu_limit) {
      // it was lowered a while ago
      columns.cpu_limit = rows.map((_, i) => (instants.length > 100 && i < 50 ? (all[n].cpu_limit * 4) / 3 : all[n].cpu_limit));
      columns.throttled = rows.map((row) => row.throttled);
    }
    if (all[n].memory_limit) columns.memory_limit = rows.map(() => all[n].memory_limit);
    return { name, at: instants.map((t) => begin / 1000 + t - 100), columns };
  }
  const events = all.filter((row) => row.runtime && row.runtime !== "systemd").flatMap((row, n) => [
    { container_name: row.name, timestamp: new Date(begin - (n + 1) * 41000).toISOString(), event_type: "containerCreation", event_data: {} },
    ...(row.ooms ? [{ container_name: row.name, timestamp: new Date(begin - 50000).toISOString(), event_type: "oomKill", event_data: { oom_kill: { pid: 4711, process_name: "python3" } } }] : []),
  ]).sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1));

  const server = createServer((request, answer) => {
    const url = new URL(request.url, "http://x");
    let path = decodeURIComponent(url.pathname);
    asked.push(request.url);
    const send = (status, type, body, more = {}) => answer.writeHead(status, { "content-type": type, ...more }).end(body);
    const json = (value) => send(200, "application/json", JSON.stringify(value));
    if (!path.startsWith(`${prefix}/`)) return send(404, "text/plain", "404 page not found\n");
    path = path.slice(prefix.length);
    if (path === "/static/page.js") return send(200, "text/javascript", readFileSync(page));
    if (path === "/static/plimsoll.svg") return send(200, "image/svg+xml", readFileSync(new URL("../../crates/serve/src/page/plimsoll.svg", import.meta.url)));
    if (/^\/(containers|docker|podman)\//.test(path)) {
      const root = "../".repeat(url.pathname.split("/").length - 2 - (prefix.match(/\//g) ?? []).length);
      return send(200, "text/html; charset=utf-8", `<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Plimsoll</title><link rel="icon" href="${root}static/plimsoll.svg"><script src="${root}static/page.js"></script></head><body><p id="plain">plain</p></body></html>`, HEADERS);
    }
    if (path === "/break") { broken = true; return send(200, "text/plain", ""); }
    if (path === "/mend") { broken = false; return send(200, "text/plain", ""); }
    if (!path.startsWith("/api/")) return answer.writeHead(307, { location: `${prefix}/containers/` }).end();
    if (scenario === "denied") return send(401, "text/plain", "401 Unauthorized\n");
    if (broken) return send(503, "text/plain", "the overview could not be made; the log says why\n");
    const name = (after) => path.slice(after.length) || "/";
    if (path === "/api/plimsoll/v1/overview") return json(overview(clock()));
    if (path === "/api/plimsoll/v1/missing") return json(scenario === "empty" ? [] : [{ feature: "Pressure of memory", reason: "The kernel was started without psi=1.", remedy: "Add psi=1 to the kernel's command line and start it anew." }, { feature: "Podman's names", reason: "/run/podman/podman.sock: Connection refused", remedy: "systemctl enable --now podman.socket" }]);
    if (path === "/api/plimsoll/v1/advice") {
      const row = rowsAt(clock()).find((one) => one.name === url.searchParams.get("name"));
      const users = [...all].filter((one) => one.runtime).slice(0, 3).map((one, n) => ({ name: one.name, title: one.title, share: 0.4 / (n + 1) }));
      const told = { throttled: ["Its CPU limit is used up early in a period of the kernel, and it stands still until the next one.", "Raise its CPU limit, or have it use fewer threads at a time."], "pressure-io": ["It stands still until the disk has read or written for it.", "Slow down who uses the disk most."] };
      return row ? json(row.breaches.map(({ kind, severity, text }) => ({
        kind, severity, wrong: text, means: scenario === "hostile" ? EVIL : told[kind]?.[0] ?? `What ${kind} means.`, remedy: scenario === "hostile" ? EVIL : told[kind]?.[1] ?? `What helps against ${kind}.`,
        ...(kind === "throttled" && row.runtime === "docker" ? { command: `docker update --cpus 2 ${row.id?.slice(0, 12)}` } : {}),
        ...(kind === "pressure-io" || scenario === "hostile" ? { short_of: "disk", users } : {}),
      }))) : send(500, "text/plain", "unknown container\n");
    }
    if (path === "/api/plimsoll/v1/ended") {
      const over = { name: "/docker/over", aliases: ["job", EVIL], ended_at: "2026-11-21T10:48:00Z", exit_code: 137, oom_killed: true, oom_events: 1, spec: { image: EVIL }, stats: { cpu: { usage: { total: 1.5e9 } }, memory: { max_usage: 64 * MIB } } };
      const falls = (n) => ({ ...over, name: `/docker/${hex(4000)}`, id: hex(4000), namespace: "docker", aliases: ["import-orders"], ended_at: new Date(begin - n * 70_000).toISOString(), exit_code: 127, oom_killed: false, spec: { image: "registry.example/import:2" } });
      const ended = [over, ...(scenario === "usual" || scenario === "hostile" ? [3, 2, 1].map(falls) : []), ...(scenario === "hostile" ? [{ ...over, name: "/docker/bad", aliases: [EVIL], ended_at: new Date(begin).toISOString() }] : [])];
      return json(ended.filter((one) => !url.searchParams.has("name") || [one.name, ...one.aliases].includes(url.searchParams.get("name"))));
    }
    if (path === "/api/plimsoll/v1/series") {
      const told = series(url.searchParams.get("name"), Date.parse(url.searchParams.get("since") ?? "") || 0);
      return told ? json(told) : send(500, "text/plain", "failed to get the series of container: unknown container\n");
    }
    if (path === "/api/plimsoll/v1/live") {
      answer.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      let before = clock();
      answer.write(`id: 1\nevent: full\ndata: ${JSON.stringify(overview(before))}\n\n`);
      const timer = setInterval(() => {
        if (broken) return answer.destroy();
        const now = clock();
        answer.write(`event: delta\ndata: ${JSON.stringify(delta(now, before))}\n\n`);
        before = now;
      }, interval);
      request.on("close", () => clearInterval(timer));
      return undefined;
    }
    if (path.startsWith("/api/v1.3/events")) {
      if (url.searchParams.has("stream")) {
        answer.writeHead(200, {});
        answer.flushHeaders();
        return undefined;
      }
      const of = name("/api/v1.3/events").replace(/\/$/, "");
      return json(events.filter((event) => of === "" || event.container_name === of));
    }
    if (path.startsWith("/api/v2.1/ps")) return json(Array.from({ length: 7 }, (_, n) => ({ user: n % 2 ? "root" : scenario === "hostile" ? EVIL : "app", pid: 100 + n, parent_pid: 1, start_time: "10:00", percent_cpu: (n * 7) % 5, percent_mem: 0.1, rss: n * 3.3 * MIB, virtual_size: 1e8, status: "S", running_time: `00:0${n}:11`, cmd: scenario === "hostile" ? EVIL : `worker --number ${n}`, fd_count: 8 + n, cgroup_path: "", psr: 0 })));
    if (path.startsWith("/api/v2.1/spec")) {
      const row = all.find((one) => one.name === name("/api/v2.1/spec")) ?? {};
      return json({ [row.name]: { cpu: { limit: 1024, quota: (row.cpu_limit ?? 0) * 1e5, period: 1e5, mask: "0-7" }, memory: { limit: row.memory_limit ?? 2 ** 63, reservation: 64 * MIB }, image: row.image, labels: row.labels, envs: scenario === "hostile" ? { [EVIL]: EVIL } : { PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8" }, aliases: [row.title, row.id] } });
    }
    if (path === "/api/v1.3/machine") return json({ vendor_id: "GenuineIntel", num_cores: 8, num_physical_cores: 4, num_sockets: 1, cpu_frequency_khz: 3200000, memory_capacity: 32 * 1024 * MIB, swap_capacity: 0, hugepages: [], disk_map: { "259:0": { name: "nvme0n1", size: 512e9, scheduler: "none" } }, network_devices: [{ name: "eth0", mac_address: "02:00:00:00:00:01", speed: 10000, mtu: 1500 }], topology: [{ node_id: 0, memory: 32 * 1024 * MIB, caches: [{ level: 3, type: "Unified", size: 16 * MIB }], cores: [0, 1, 2, 3].map((core) => ({ core_id: core, socket_id: 0, thread_ids: [core, core + 4], caches: [{ level: 2, type: "Unified", size: MIB }] })) }], machine_id: "0f", boot_id: "1e" });
    if (path === "/api/v2.1/storage") return json([{ device: "/dev/nvme0n1p2", mountpoint: "/", capacity: 500e9, available: 40e9, usage: 460e9, inodes: 1e6, inodes_free: 4e5 }, { device: "tmpfs", mountpoint: "/dev/shm", capacity: 16e9, available: 16e9, usage: 1e6 }]);
    return send(500, "text/plain", "unknown\n");
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    done({ url: `http://127.0.0.1:${port}${prefix}`, asked, at, clock, close: () => { server.closeAllConnections(); server.close(); } });
  }));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const options = Object.fromEntries(process.argv.slice(2).map((word) => word.split("=")));
  console.log((await mock(options)).url);
}
