//! The stream of `WatchRevocations`: one task for each takes what comes next as its caller takes it.

use std::time::Duration;

use tokio::{
    sync::mpsc::{self, OwnedPermit, Sender},
    time::timeout,
};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tonic::Status;

use super::{convert, status};
use crate::{
    domain::{
        change::{Change, ClientChange, FamilyChange, GrantChange, UserChange},
        client::IntrospectReach,
        error::Error,
    },
    proto::v1::{self, revocation::Event},
    service::{Cursor, Notification, NotificationBatch, Ready, Watch, WatchFrom},
    store::Store,
};

/// Longest time for which a response can stay untaken. A service relies on no watch that is so
/// late: it gives up after a second or two without a checkpoint.
const MOST_WAIT: Duration = Duration::from_secs(10);

type Next = Result<NotificationBatch, Error>;

/// # Errors
/// `InvalidRequest` for text that is no cursor, and for a snapshot beside a cursor.
pub(super) fn from(request: &v1::WatchRevocationsRequest) -> Result<WatchFrom, Error> {
    match (request.cursor.as_str(), request.snapshot) {
        ("", false) => Ok(WatchFrom::Now),
        ("", true) => Ok(WatchFrom::Kept),
        (_, true) => {
            let problem = "must not be asked for beside a cursor";
            Err(Error::InvalidRequest { field: "snapshot", problem })
        }
        (text, false) => {
            let cursor = Cursor::parse(text).map(WatchFrom::Cursor);
            cursor.ok_or(Error::InvalidRequest { field: "cursor", problem: "is no cursor" })
        }
    }
}

/// The responses of a watch that has begun, until it ends or nobody takes them any more.
///
/// HTTP/2 asks for a response only when its caller's window has room for it. Meanwhile one response
/// waits here and one in the task: events, not messages, which watches share.
pub(super) fn responses<S: Store>(
    service: Ready<S>,
    watch: Watch,
) -> impl Stream<Item = Result<v1::WatchRevocationsResponse, Status>> + Send {
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        // One place is reserved for the last response: the end of the watch is sent behind any
        // backlog.
        if let Ok(last) = sender.clone().reserve_owned().await {
            deliver(&service, watch, &sender, last).await;
        }
    });
    ReceiverStream::new(receiver).map(|next: Next| match next {
        Ok(watched) => Ok(response(&watched)),
        Err(error) => Err(status::status(&error)),
    })
}

async fn deliver<S: Store>(
    service: &Ready<S>,
    mut watch: Watch,
    sender: &Sender<Next>,
    last: OwnedPermit<Next>,
) {
    let error = loop {
        let next = tokio::select! {
            next = next(service, &mut watch) => next,
            () = sender.closed() => return,
        };
        let watched = match next {
            Ok(watched) => watched,
            Err(error) => break error,
        };
        tokio::select! {
            sent = timeout(MOST_WAIT, sender.send(Ok(watched))) => match sent {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => break watch.too_slow(),
            },
            error = watch.interrupted() => break error,
        }
    };
    last.send(Err(error));
}

async fn next<S: Store>(service: &Ready<S>, watch: &mut Watch) -> Next {
    service.get()?.revocations.next_revocations(watch).await
}

fn response(batch: &NotificationBatch) -> v1::WatchRevocationsResponse {
    v1::WatchRevocationsResponse {
        revocations: batch.notifications.iter().map(revocation).collect(),
        cursor: batch.cursor.to_text(),
        checkpoint: batch.checkpoint,
        feed_position: batch.cursor.position().0,
        coverage: Some(coverage(batch)),
    }
}

fn coverage(batch: &NotificationBatch) -> v1::WatchCoverage {
    let reach = match batch.caller.reach {
        IntrospectReach::Own => v1::WatchReach::Own,
        IntrospectReach::Audience => v1::WatchReach::Audience,
        IntrospectReach::Any => v1::WatchReach::Any,
    };
    v1::WatchCoverage {
        complete_since: batch.complete_since.map(convert::timestamp),
        time: Some(convert::timestamp(batch.time)),
        client_id: batch.caller.client_id.to_string(),
        reach: reach.into(),
    }
}

fn revocation(notification: &Notification) -> v1::Revocation {
    let (event, time) = match notification {
        Notification::Event(event) => (Some(named(event.change())), event.time()),
        Notification::Everything(time) => (None, *time),
    };
    v1::Revocation { event, event_time: time.map(convert::timestamp) }
}

fn named(change: &Change) -> Event {
    match change {
        Change::GrantEnded(GrantChange { grant_id, .. })
        | Change::FamilyEnded(FamilyChange { grant: GrantChange { grant_id, .. }, .. }) => {
            Event::GrantEnded(v1::GrantEnded { grant_id: grant_id.to_string() })
        }
        Change::AccessRevoked(GrantChange { grant_id, generation, .. }) => {
            let (grant_id, generation) = (grant_id.to_string(), *generation);
            Event::AccessTokenRevoked(v1::AccessTokenRevoked { grant_id, generation })
        }
        Change::ClientEpochMoved(ClientChange { client_id, refused, .. }) => {
            let (client_id, refused) = (client_id.to_string(), *refused);
            Event::ClientEpochMoved(v1::ClientEpochMoved { client_id, refused })
        }
        Change::ClientChanged(ClientChange { client_id, refused, .. }) => {
            let (client_id, refused) = (client_id.to_string(), *refused);
            Event::ClientChanged(v1::ClientChanged { client_id, refused })
        }
        Change::UserEpochMoved(UserChange { user_id, refused, .. }) => {
            let (subject, refused) = (user_id.to_string(), *refused);
            Event::SubjectEpochMoved(v1::SubjectEpochMoved { subject, refused })
        }
        Change::UserChanged(UserChange { user_id, refused, .. }) => {
            let (subject, refused) = (user_id.to_string(), *refused);
            Event::UserChanged(v1::UserChanged { subject, refused })
        }
    }
}
