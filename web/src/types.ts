// What the program answers: see docs/load-line.md. A number that is missing is an absent key.

export interface Pressure {
  cpu?: number;
  memory?: number;
  io?: number;
}

export interface Spark {
  cpu?: (number | null)[];
  memory?: (number | null)[];
}

export interface Breach {
  kind: string;
  severity: number;
  text: string;
}

export interface Row {
  /** The cgroup's name, which is the key. */
  name: string;
  title: string;
  parent?: string;
  runtime: string;
  id?: string;
  image?: string;
  state?: string;
  health?: string;
  created?: string;
  started?: string;
  pod?: string;
  namespace?: string;
  compose?: string;
  slice?: string;
  labels?: Record<string, string>;
  cpu?: number;
  cpu_limit?: number;
  memory?: number;
  memory_limit?: number;
  load_line?: number;
  rx?: number;
  tx?: number;
  read?: number;
  write?: number;
  throttled?: number;
  pressure?: Pressure;
  processes?: number;
  threads?: number;
  restarts?: number;
  ooms?: number;
  spark?: Spark;
  breaches?: Breach[];
  severity?: number;
}

export interface Machine {
  name: string;
  kernel?: string;
  os?: string;
  cores: number;
  memory: number;
  boot?: string;
  cpu?: number;
  memory_used?: number;
  swap_used?: number;
  load?: number[];
  rx?: number;
  tx?: number;
  read?: number;
  write?: number;
  /** The filesystem that has least left. */
  fullest?: { device: string; share: number };
  pressure?: Pressure;
  spark?: Spark;
}

export interface Runtime {
  name: string;
  state: "up" | "down" | "absent";
  version?: string;
  containers?: number;
  why?: string;
}

export interface Overview {
  at: string;
  version: string;
  machine: Machine;
  runtimes: Runtime[];
  rows: Row[];
}

type Last = { cpu?: number | null; memory?: number | null };

export interface Delta {
  at: string;
  machine?: Omit<Partial<Machine>, "spark"> & { spark?: Last };
  runtimes?: Runtime[];
  changed?: (Omit<Partial<Row>, "spark"> & { name: string; spark?: Last })[];
  gone?: string[];
  lost?: Record<string, string[]>;
}

export type Column = (number | null)[];

export interface Series {
  name: string;
  at: number[];
  columns: Record<string, Column> & { cpus?: never };
}

export interface Event {
  container_name: string;
  timestamp: string;
  event_type: string;
  event_data?: Record<string, Record<string, unknown> | undefined>;
}

export interface Process {
  user: string;
  pid: number;
  parent_pid: number;
  start_time: string;
  percent_cpu: number;
  percent_mem: number;
  rss: number;
  virtual_size: number;
  status: string;
  running_time: string;
  cmd: string;
  fd_count: number;
}

/** A container that is no more, as the program remembers it. */
export interface Ended {
  name: string;
  id?: string;
  namespace?: string;
  aliases?: string[];
  ended_at: string;
  exit_code?: number;
  oom_killed: boolean;
  oom_events: number;
  spec: { image?: string };
  stats?: { cpu?: { usage?: { total?: number } }; memory?: { max_usage?: number } };
}

/** What to do about one thing that is wrong. */
export interface Advice {
  kind: string;
  means: string;
  remedy: string;
  command?: string;
  /** `CPU`, `memory` or `disk`, where who uses it is told. */
  short_of?: string;
  users?: { name: string; title: string; share: number }[];
}

export interface Lack {
  feature: string;
  reason: string;
  remedy: string;
}
