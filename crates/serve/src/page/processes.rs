//! The processes of a container.

use super::html::{Html, bytes};
use crate::past::Past;

/// So many are shown, those that use most CPU; more are counted only.
const MOST: usize = 250;

/// Appends the section.
pub async fn section(main: &mut Html, past: &dyn Past, root: &str, name: &str) {
    main.raw("<section><h2>Processes</h2>\n");
    match past.processes(name).await {
        Err(cause) => {
            main.raw("<p class=\"gap\">").text(&cause).raw("</p>\n");
        }
        Ok(processes) if processes.is_empty() => {
            main.raw("<p>none</p>\n");
        }
        Ok(processes) => table(main, root, name == "/", processes),
    }
    main.raw("</section>\n");
}

fn table(
    main: &mut Html,
    root: &str,
    with_container: bool,
    mut processes: Vec<plimsoll_core::machine::ProcessInfo>,
) {
    processes.sort_by(|a, b| b.percent_cpu.total_cmp(&a.percent_cpu));
    let mut columns = vec![
        "User", "PID", "PPID", "Start", "CPU %", "MEM %", "RSS", "Virtual", "Status", "Time", "Command",
        "Core",
    ];
    if with_container {
        columns.push("Container");
    }
    main.raw("<div class=\"wide\"><table>\n").head(&columns).raw("<tbody>\n");
    for process in processes.iter().take(MOST) {
        main.raw("<tr>").cell(&process.user).number(process.pid).number(process.parent_pid);
        main.cell(&process.start_time).number(format_args!("{:.1}", process.percent_cpu));
        main.number(format_args!("{:.1}", process.percent_mem)).number(bytes(process.rss));
        main.number(bytes(process.virtual_size)).cell(&process.status).cell(&process.running_time);
        main.cell(&process.cmd).number(process.psr);
        if with_container {
            let path = format!("containers{}", process.cgroup_path);
            main.raw("<td>").link(root, &path, &process.cgroup_path).raw("</td>");
        }
        main.raw("</tr>\n");
    }
    main.raw("</tbody></table></div>\n");
    if let Some(more) = processes.len().checked_sub(MOST).filter(|more| *more > 0) {
        main.raw("<p>and ").show(more).raw(" more</p>\n");
    }
}
