//! What is drawn and printed, over overviews that are written out here.

use std::sync::Arc;

use plimsoll::flags::{Format, Order};
use plimsoll_core::machine::ProcessInfo;
use plimsoll_serve::overview::Overview;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};

use super::app::{App, Screen};
use super::draw::draw;
use super::list::Choice;
use super::once::print;
use super::text::Look;

const LOOK: Look = Look { unicode: true, colour: true };

fn row(name: &str, title: &str, cpu: f64, more: &Value) -> Value {
    let parent = name.rsplit_once('/').map_or("", |(above, _)| if above.is_empty() { "/" } else { above });
    let mut row = json!({
        "name": name, "title": title, "parent": parent, "runtime": "", "labels": {}, "cpu": cpu,
        "memory": 1_048_576, "breaches": [], "severity": 0, "spark": {"cpu": [0.0, cpu], "memory": [1_048_576]},
    });
    for (key, value) in more.as_object().unwrap() {
        row[key] = value.clone();
    }
    row
}

fn overview(rows: &[Value]) -> Arc<Overview> {
    let machine = json!({
        "name": "fixture", "kernel": "6.1.0", "os": "Debian", "cores": 2, "memory": 4_294_967_296_u64, "cpu": 0.5,
        "boot": "2026-11-21T08:00:00Z", "memory_used": 1_073_741_824, "load": [0.5, 0.25, 0.125],
        "pressure": {"cpu": 1.5, "memory": 0.0, "io": 12.0}, "spark": {"cpu": [], "memory": []},
    });
    let runtimes =
        json!([{"name": "docker", "state": "up", "containers": 2}, {"name": "podman", "state": "absent"}]);
    let whole = json!({
        "at": "2026-11-21T10:09:08Z", "version": "0.1.0", "machine": machine, "runtimes": runtimes, "rows": rows,
    });
    Arc::new(serde_json::from_value(whole).unwrap())
}

fn hosts() -> Arc<Overview> {
    let limited = json!({
        "runtime": "docker", "image": "web:1", "memory_limit": 2_097_152, "cpu_limit": 0.5, "load_line": 0.97,
        "severity": 3, "rx": 1000, "tx": 48, "throttled": 0.38,
        "breaches": [
            {"kind": "memory-reclaim", "severity": 3, "text": "memory at 97 % of its limit and reclaiming"},
            {"kind": "throttled", "severity": 2, "text": "throttled 38 % of the time"},
        ],
    });
    overview(&[
        row("/", "/", 0.5, &json!({})),
        row("/docker", "docker", 0.3, &json!({})),
        row("/docker/aaa", "idle", 0.01, &json!({"runtime": "docker", "image": "busybox"})),
        row("/docker/bbb", "web", 0.2, &limited),
        row("/system.slice", "system.slice", 1.5, &json!({})),
    ])
}

fn app(overview: Arc<Overview>) -> App {
    let mut app = App::new(Choice::default(), LOOK);
    app.take(overview);
    app
}

fn terminal(app: &mut App, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(app, frame)).unwrap();
    terminal
}

/// The lines of the screen, without what is blank at their ends.
fn lines(app: &mut App, width: u16, height: u16) -> Vec<String> {
    let terminal = terminal(app, width, height);
    let cells = terminal.backend().buffer().content().chunks(width.into());
    cells
        .map(|line| line.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned())
        .collect()
}

fn press(app: &mut App, keys: &str) {
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '↓' => KeyCode::Down,
            '↑' => KeyCode::Up,
            '⇲' => KeyCode::End,
            key => KeyCode::Char(key),
        };
        app.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
}

/// The names in the table, from the top.
fn titles(app: &mut App) -> Vec<String> {
    let shown = lines(app, 80, 24);
    let table = shown.get(5..23).unwrap().iter().filter(|line| !line.is_empty());
    table.map(|line| line.get(2..).unwrap().split("  ").next().unwrap().trim_end().to_owned()).collect()
}

#[test]
fn a_small_terminal_shows_what_suffers_and_why() {
    let shown = lines(&mut app(hosts()), 80, 24);
    assert!(
        shown[0].starts_with("plimsoll top · fixture · 6.1.0 · up 2h9m · load 0.50 0.25 0.12 "),
        "{}",
        shown[0]
    );
    assert!(shown[0].ends_with(" 10:09:08"), "{}", shown[0]);
    assert_eq!(shown[1], "CPU ██······ 0.50 of 2 cores   MEM ██······ 1.0G of 4.0G");
    assert!(shown[2].starts_with("4 groups · 1 suffering · docker 2  "), "{}", shown[2]);
    assert!(shown[2].ends_with("  waiting for cpu 2% memory 0% disk 12%"), "{}", shown[2]);
    let f = |name, cpu, course, line, memory, limit, why| {
        format!("{name:<17}{cpu:>5} {course:>8} {line:<11} {memory:>5} {limit:>5} {why}")
            .trim_end()
            .to_owned()
    };
    assert_eq!(shown[4], f("  NAME", "CPU", "", "LOAD LINE", "MEM", "LIMIT", "WHAT IS WRONG"));
    assert_eq!(shown[5], f("! web", "0.20", "▁▄", "██████  97%", "1.0M", "2.0M", "memory at 97 % of its …"));
    assert_eq!(shown[6], f("  system.slice", "1.50", "▁█", "", "1.0M", "-", ""));
    assert!(shown[23].starts_with("Enter charts"), "{}", shown[23]);
}

#[test]
fn what_is_wrong_with_the_machine_stands_in_the_head() {
    let breaches = json!([{"kind": "disk", "severity": 3, "text": "/dev/vda is 98 % full"}]);
    let root = row("/", "/", 1.5, &json!({"severity": 3, "breaches": breaches}));
    let mut app = app(overview(&[root]));
    for width in [40, 80] {
        let line = &lines(&mut app, width, 24)[2];
        assert!(line.starts_with("0 groups ") && line.ends_with(" /dev/vda is 98 % full"), "{width}: {line}");
    }
    assert_eq!(terminal(&mut app, 80, 24).backend().buffer()[(79, 2)].fg, Color::Red);
    let mut whole = (*app.overview).clone();
    whole.runtimes[1].state = "down".into();
    app.take(Arc::new(whole));
    assert!(lines(&mut app, 120, 24)[2].ends_with(" /dev/vda is 98 % full, podman is down"));
    assert!(
        lines(&mut app, 70, 24)[2].ends_with(" /dev/vda is 98 % full"),
        "where there is no room, the worst"
    );
}

#[test]
fn a_wide_terminal_shows_more() {
    let shown = lines(&mut app(hosts()), 160, 24);
    for word in ["NET", "DISK", "RUNTIME"] {
        assert!(shown[4].contains(word), "{}", shown[4]);
    }
    let web = &shown[5];
    assert!(web.contains(" 1.0K ") && web.contains("docker"), "{web}");
    assert!(web.ends_with("memory at 97 % of its limit and reclaiming; throttled 38 % of the time"), "{web}");
}

#[test]
fn red_is_what_suffers_and_without_colours_there_are_none() {
    let mut app = app(hosts());
    let colour = |app: &mut App| terminal(app, 80, 24).backend().buffer()[(0, 5)].fg;
    assert_eq!(colour(&mut app), Color::Red);
    app.look = Look { unicode: false, colour: false };
    assert_eq!(colour(&mut app), Color::Reset);
    let shown = lines(&mut app, 80, 24).concat();
    assert!(shown.is_ascii(), "{shown}");
}

#[test]
fn keys_sort() {
    let mut app = app(hosts());
    assert_eq!(titles(&mut app), ["web", "system.slice", "docker", "idle"]);
    press(&mut app, "C");
    assert_eq!(titles(&mut app), ["system.slice", "docker", "web", "idle"]);
    press(&mut app, "r");
    assert_eq!(titles(&mut app), ["idle", "web", "docker", "system.slice"]);
    press(&mut app, "N");
    assert_eq!(titles(&mut app), ["docker", "idle", "system.slice", "web"]);
    press(&mut app, "X");
    assert_eq!(titles(&mut app)[0], "web");
    press(&mut app, "sss");
    assert_eq!(app.choice.order, Order::Severity, "behind the last comes the first");
    press(&mut app, "S");
    assert_eq!(app.choice.order, Order::Name);
}

#[test]
fn what_to_do_stands_on_a_screen_of_its_own() {
    let mut app = app(hosts());
    press(&mut app, "w");
    assert_eq!(app.wants(), None, "it is known without asking");
    let shown = lines(&mut app, 80, 24);
    assert_eq!(shown[7], "memory at 97 % of its limit and reclaiming");
    assert_eq!(shown[8], "  It is at its limit: the kernel takes memory back from it again and again,");
    let text = shown.join("\n");
    assert!(
        text.contains("throttled 38 % of the time\n  Its CPU limit, 0.5 of 2 cores, is used up"),
        "{text}"
    );
    assert!(text.contains("What helps: Raise its CPU limit"), "{text}");
    assert!(shown[23].starts_with("Esc back  arrows scroll"), "{}", shown[23]);
    lines(&mut app, 80, 12);
    press(&mut app, "⇲");
    let low = lines(&mut app, 80, 12);
    assert!(low[10].is_empty() && low[9].starts_with("  What helps"), "the last lines: {low:?}");
    press(&mut app, "w");
    assert_eq!(app.screen, Screen::Table);
    let waits = json!({"runtime": "docker", "severity": 2, "read": 300, "write": 0,
        "breaches": [{"kind": "pressure-io", "severity": 2, "text": "waiting for disk 60 % of the time"}]});
    let other = json!({"runtime": "docker", "read": 100, "write": 500});
    let root = row("/", "/", 0.0, &json!({"read": 500, "write": 500}));
    let mut slow =
        super::tests::app(overview(&[root, row("/a", "a", 0.0, &waits), row("/b", "b", 0.0, &other)]));
    press(&mut slow, "w");
    let shown = lines(&mut slow, 80, 24);
    assert!(shown.contains(&"  Most disk now: b 60%, this one 30%, all else 10%".to_owned()), "{shown:?}");
    press(&mut app, "N↑w");
    assert_eq!(lines(&mut app, 80, 24)[7], "there is nothing to do about it");
    app.look = Look { unicode: false, colour: false };
    let shown = lines(&mut app, 80, 24).concat();
    assert!(shown.is_ascii(), "{shown}");
}

#[test]
fn what_is_paused_says_so_before_what_is_wrong() {
    let paused = json!({"runtime": "docker", "state": "paused"});
    let both = json!({"runtime": "docker", "state": "paused",
        "breaches": [{"kind": "unhealthy", "severity": 3, "text": "unhealthy"}]});
    let runs = json!({"runtime": "docker", "state": "running"});
    let whole =
        overview(&[row("/a", "a", 0.0, &paused), row("/b", "b", 0.0, &both), row("/c", "c", 0.0, &runs)]);
    let table = print(&whole, &Choice::default(), Format::Table);
    let line = |title: &str| table.lines().find(|line| line.starts_with(title)).unwrap().to_owned();
    assert!(line("a ").ends_with("paused"), "{table}");
    assert!(line("b ").ends_with("paused; unhealthy"), "{table}");
    assert!(!line("c ").contains("running"), "{table}");
    let mut app = app(whole);
    let screen = lines(&mut app, 100, 12).join("\n");
    assert!(screen.contains("paused; unhealthy"), "{screen}");
}

#[test]
fn a_search_is_over_names_images_and_what_is_wrong() {
    let mut app = app(hosts());
    press(&mut app, "/BusyBox");
    assert_eq!(titles(&mut app), ["idle"]);
    assert_eq!(lines(&mut app, 80, 24)[23], "search: BusyBox_");
    press(&mut app, "\nq");
    assert!(app.quit, "after Enter a letter is a command again");
    press(&mut app, "\u{1b}/throttled");
    assert_eq!(titles(&mut app), ["web"]);
    press(&mut app, "x");
    assert_eq!(titles(&mut app), ["nothing has that"]);
    press(&mut app, "\u{1b}");
    assert_eq!(titles(&mut app).len(), 4);
}

#[test]
fn a_tree_shows_what_lies_in_what() {
    let mut app = app(hosts());
    press(&mut app, "tN");
    let shown = lines(&mut app, 80, 24);
    let names: Vec<&str> = shown[5..9].iter().map(|line| line.get(..14).unwrap().trim_end()).collect();
    assert_eq!(names, ["  docker", "    idle", "!   web", "  system.slice"]);
    press(&mut app, "/web\n");
    let shown = lines(&mut app, 80, 24);
    assert!(
        shown[5].starts_with("  docker") && shown[6].starts_with("!   web"),
        "with what it lies in: {shown:?}"
    );
    assert_eq!(shown[7], "");
}

#[test]
fn containers_only() {
    let mut app = app(hosts());
    press(&mut app, "c");
    assert_eq!(titles(&mut app), ["web", "idle"]);
}

#[test]
fn the_selection_stays_with_its_row() {
    let mut app = app(hosts());
    press(&mut app, "↓↓");
    assert_eq!(app.selected.as_deref(), Some("/system.slice"));
    press(&mut app, "N");
    let screen = terminal(&mut app, 80, 24);
    let reversed = |y: u16| screen.backend().buffer()[(3, y)].modifier.contains(Modifier::REVERSED);
    assert_eq!([5, 6, 7, 8].map(reversed), [false, false, true, false]);
    app.take(overview(&[row("/", "/", 0.0, &json!({}))]));
    assert!(app.row().is_none(), "it is gone");
    press(&mut app, "\n");
    assert_eq!(app.screen, Screen::Table, "there is nothing to show");
}

#[test]
fn a_thousand_rows_scroll() {
    let rows: Vec<Value> =
        (0..1000).map(|n| row(&format!("/c{n:04}"), &format!("c{n:04}"), f64::from(n), &json!({}))).collect();
    let mut app = app(overview(&rows));
    press(&mut app, "N");
    assert_eq!(titles(&mut app).len(), 18);
    press(&mut app, "⇲");
    let shown = titles(&mut app);
    assert_eq!((shown[0].as_str(), shown[17].as_str()), ("c0982", "c0999"));
    press(&mut app, " ");
    assert_eq!(app.selected.as_deref(), Some("/c0999"), "not beyond the end");
    press(&mut app, "g");
    assert_eq!(titles(&mut app)[0], "c0000");
}

#[test]
fn names_of_containers_move_no_cursor() {
    let evil = "a\u{1b}[2J\u{202e}b\r\nc";
    let more = json!({
        "severity": 2, "image": evil, "runtime": evil,
        "breaches": [{"kind": "disk", "severity": 2, "text": evil}],
    });
    let whole = overview(&[row("/x", evil, 0.0, &more)]);
    let mut app = app(whole.clone());
    press(&mut app, "\n");
    let charts = lines(&mut app, 160, 24).concat();
    press(&mut app, "\n");
    let table = lines(&mut app, 160, 24).concat();
    let printed = [Format::Table, Format::Csv].map(|format| print(&whole, &Choice::default(), format));
    for text in [charts, table].iter().chain(&printed) {
        assert!(text.contains("a[2Jbc"), "{text:?}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn charts_have_the_load_line() {
    let mut app = app(hosts());
    press(&mut app, "↓\n");
    assert_eq!(app.wants(), Some((Screen::Charts, "/docker/bbb".to_owned())));
    let series = json!({"name": "/docker/bbb", "at": [0.0, 1.0, 62.0], "columns": {"cpu": [null, 0.25, 0.5], "cpu_limit": [0.5, 0.5, 0.5]}});
    app.series = Some(Ok(serde_json::from_value(series).unwrap()));
    let shown = lines(&mut app, 80, 24);
    assert_eq!(shown[3], "the last 1m2s, the newest on the right");
    assert_eq!(shown[4], "web · docker · web:1 · /docker/bbb");
    assert!(shown[6].starts_with("CPU 0.20 of 0.50 cores"), "{}", shown[6]);
    assert_eq!(
        shown[7].chars().skip(36).take(3).collect::<String>(),
        "──█",
        "over its own time: {}",
        shown[7]
    );
    assert!(shown.iter().any(|line| line.contains("no numbers")), "memory has none: {shown:?}");
    app.series = Some(Err("it is\u{7} gone".to_owned()));
    assert_eq!(lines(&mut app, 80, 24)[7], "it is gone");
}

#[test]
fn a_limit_that_was_changed_is_a_step() {
    let mut app = app(hosts());
    press(&mut app, "↓\n");
    let series = json!({"name": "/docker/bbb", "at": [0.0, 1.0, 2.0, 3.0], "columns": {
        "cpu": [0.1, 0.1, 0.1, 0.1], "cpu_limit": [null, 0.5, 1.0, 1.0],
    }});
    app.series = Some(Ok(serde_json::from_value(series).unwrap()));
    let shown = lines(&mut app, 80, 24);
    let rows_of = |x: usize| -> Vec<usize> {
        (7..11).filter(|y| shown[*y].chars().nth(x) == Some('─')).map(|y| y - 7).collect()
    };
    assert_eq!([35, 36, 37, 38].map(rows_of), [vec![], vec![1], vec![0], vec![0]], "{shown:#?}");
}

#[test]
fn the_machine_has_charts_and_processes_too() {
    let mut app = app(hosts());
    press(&mut app, "↓↓m");
    assert_eq!(app.wants(), Some((Screen::Charts, "/".to_owned())));
    assert_eq!(lines(&mut app, 80, 24)[4], "the machine · /");
    press(&mut app, "p");
    assert_eq!(app.wants(), Some((Screen::Processes, "/".to_owned())));
    app.processes = Some(Ok(Vec::new()));
    assert_eq!(lines(&mut app, 80, 24)[7], "no process of its own");
    press(&mut app, "\u{1b}\n");
    assert_eq!(app.wants(), Some((Screen::Charts, "/system.slice".to_owned())), "what was selected still is");
    press(&mut app, "m↓");
    assert_eq!(app.wants(), Some((Screen::Charts, "/docker".to_owned())), "on to the next of the table");
    press(&mut app, "mm");
    assert_eq!((app.wants(), app.machine), (None, false));
}

#[test]
fn processes_are_sorted_by_what_is_asked() {
    let process = |pid, percent_cpu, rss, cmd: &str| ProcessInfo {
        user: "root".to_owned(),
        pid,
        parent_pid: 1,
        start_time: "10:46".to_owned(),
        percent_cpu,
        percent_mem: 0.1,
        rss,
        virtual_size: 0,
        status: "S".to_owned(),
        running_time: "00:00:07".to_owned(),
        cgroup_path: String::new(),
        cmd: cmd.to_owned(),
        fd_count: 3,
        psr: 0,
    };
    let mut app = app(hosts());
    press(&mut app, "↓p");
    app.processes = Some(Ok(vec![process(7, 1.0, 300, "one\u{1b}"), process(8, 9.5, 100, "two")]));
    let shown = lines(&mut app, 80, 24);
    assert_eq!(shown[7], "       8 root            9.5    0.1    100  00:00:07 S    two");
    press(&mut app, "s");
    assert_eq!(lines(&mut app, 80, 24)[7], "       7 root            1.0    0.1    300  00:00:07 S    one");
}

#[test]
fn what_is_lost_is_said() {
    let mut app = app(hosts());
    app.lost = Some("h:80: has ended".to_owned());
    assert_eq!(lines(&mut app, 80, 24)[3], "h:80: has ended; trying again");
    app.take(hosts());
    assert_eq!(lines(&mut app, 80, 24)[3], "by severity");
}

#[test]
fn any_size_can_be_drawn() {
    let mut app = app(hosts());
    for keys in ["", "?", "\n", "p", "p\n", "mp", "t/x"] {
        press(&mut app, keys);
        for (width, height) in [(1, 1), (39, 24), (40, 10), (41, 11), (80, 24), (300, 100)] {
            lines(&mut app, width, height);
        }
    }
    assert_eq!(lines(&mut app, 39, 24)[0], "the terminal is too small");
}

#[test]
fn help_lists_the_keys() {
    let mut app = app(hosts());
    press(&mut app, "?");
    assert!(lines(&mut app, 80, 24).concat().contains("tree of cgroups"));
    press(&mut app, "q");
    assert!(!app.help && !app.quit, "any key closes it and does nothing else");
    app.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert!(app.quit);
}

#[test]
fn printed_as_a_table() {
    let choice = Choice { order: Order::Name, ..Choice::default() };
    let expected = "\
NAME          RUNTIME   CPU  MEMORY  LIMIT  LINE   NET  DISK  WHAT IS WRONG
docker        -        0.30    1.0M      -     -     -     -
idle          docker   0.01    1.0M      -     -     -     -
system.slice  -        1.50    1.0M      -     -     -     -
web           docker   0.20    1.0M   2.0M   97%  1.0K     -  memory at 97 % of its limit and reclaiming; throttled 38 % of the time
";
    assert_eq!(print(&hosts(), &choice, Format::Table), expected);
}

#[test]
fn printed_for_programs() {
    let choice = Choice { filter: "web".to_owned(), ..Choice::default() };
    let csv = print(&hosts(), &choice, Format::Csv);
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 2);
    // scripts rely on the names and their order, as the document has them
    let (_, table) = include_str!("../../docs/top.md").rsplit_once("| column | what |").unwrap();
    let cells = table.lines().skip(2).map_while(|line| line.strip_prefix("| ")?.split('|').next());
    let told: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert_eq!(lines[0].split(',').collect::<Vec<_>>(), told);
    assert_eq!(
        lines[1],
        "/docker/bbb,web,docker,web:1,,0.2,0.5,1048576,2097152,0.97,1000,48,,,0.38,,,3,memory at 97 % of its limit \
         and reclaiming; throttled 38 % of the time"
    );
    let json: Value = serde_json::from_str(&print(&hosts(), &choice, Format::Json)).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 1);
    assert_eq!((&json["rows"][0]["title"], &json["machine"]["name"]), (&json!("web"), &json!("fixture")));
    let quoted = overview(&[row("/x", "a \"b\", c", 0.0, &json!({}))]);
    assert!(print(&quoted, &Choice::default(), Format::Csv).contains("/x,\"a \"\"b\"\", c\","));
}
