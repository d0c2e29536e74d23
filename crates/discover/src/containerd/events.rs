//! What happens to containers, as containerd tells it for all its namespaces on one stream.

use prost::Message;

use super::client::{Places, Scope, key};
use super::grpc::Stream;
use super::messages::{Envelope, Exit, Which};
use crate::runtime::fault::Fault;
use crate::runtime::remote::{Events, What};

/// Topics that are asked for.
pub(super) const TOPICS: [&str; 8] = [
    "/containers/create",
    "/containers/update",
    "/containers/delete",
    "/tasks/start",
    "/tasks/exit",
    "/tasks/oom",
    "/tasks/paused",
    "/tasks/resumed",
];

/// The events from some moment on.
pub(super) struct Happenings {
    pub(super) stream: Stream,
    pub(super) scope: Scope,
    pub(super) places: Places,
}

impl Events for Happenings {
    async fn next(&mut self) -> Result<Option<(String, What)>, Fault> {
        let envelope = self.stream.next().await?;
        let told = read(envelope, &self.scope);
        if let Some((id, What::Destroyed)) = &told {
            self.places.forget(id);
        }
        Ok(told)
    }
}

/// `None` for what is no event of ours, or of a namespace that is not looked at.
fn read(envelope: Envelope, scope: &Scope) -> Option<(String, What)> {
    if !scope.has(&envelope.namespace) {
        return None;
    }
    let inside = envelope.event?.value;
    // the container's id is the first field of all of them
    let id = Which::decode(inside.clone()).ok().map(|which| which.id).filter(|id| !id.is_empty())?;
    let what = match envelope.topic.as_str() {
        "/containers/create" => What::Created,
        "/containers/update" | "/tasks/paused" | "/tasks/resumed" => What::Changed,
        "/containers/delete" => What::Destroyed,
        "/tasks/start" => What::Started,
        "/tasks/oom" => What::Oom,
        "/tasks/exit" => {
            let exit = Exit::decode(inside).ok()?;
            if exit.id != exit.container_id {
                return None;
            }
            What::Died(Some(i64::from(exit.exit_status)))
        }
        _ => return None,
    };
    Some((key(&envelope.namespace, &id), what))
}

#[cfg(test)]
mod tests {
    use super::super::messages::Any;
    use super::*;

    fn read_one(namespace: &str, topic: &str, event: &impl Message) -> Option<(String, What)> {
        let value = event.encode_to_vec().into();
        let envelope = Envelope {
            namespace: namespace.to_owned(),
            topic: topic.to_owned(),
            event: Some(Any { type_url: String::new(), value }),
        };
        read(envelope, &Scope::default())
    }

    fn exit(id: &str) -> Exit {
        Exit { container_id: "a".to_owned(), id: id.to_owned(), exit_status: 137 }
    }

    #[test]
    fn events_of_every_namespace_are_read() {
        let which = Which { id: "a".to_owned() };
        let f =
            |topic, what| assert_eq!(read_one("x", topic, &which), Some(("x/a".to_owned(), what)), "{topic}");
        f("/containers/create", What::Created);
        f("/containers/update", What::Changed);
        f("/containers/delete", What::Destroyed);
        f("/tasks/start", What::Started);
        f("/tasks/oom", What::Oom);
        f("/tasks/paused", What::Changed);
        f("/tasks/resumed", What::Changed);
        assert_eq!(read_one("y", "/tasks/exit", &exit("a")), Some(("y/a".to_owned(), What::Died(Some(137)))));
    }

    #[test]
    fn the_end_of_a_process_that_was_run_inside_is_not_the_containers() {
        assert_eq!(read_one("x", "/tasks/exit", &exit("exec-1")), None);
    }

    #[test]
    fn dockers_own_and_unknown_events_are_passed_over() {
        let which = Which { id: "a".to_owned() };
        assert_eq!(read_one("moby", "/tasks/start", &which), None);
        assert_eq!(read_one("x", "/images/create", &which), None);
        assert_eq!(read_one("x", "/tasks/start", &Which::default()), None);
        assert_eq!(read_one("x", "/tasks/exit", &Which { id: String::new() }), None);
    }
}
