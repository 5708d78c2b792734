//! The stream of a backup's pieces: the next one is made when the last one was taken.

use futures_util::stream::{Stream, try_unfold};
use tonic::Status;

use super::refusal;
use crate::{
    proto::v1,
    service::{Backup, BackupPiece, Ready},
    store::Store,
};

/// The pieces of a backup that was begun, to the last one or the first error.
pub(super) fn pieces<S: Store>(
    service: Ready<S>,
    begun: Backup,
) -> impl Stream<Item = Result<v1::BackupResponse, Status>> + Send {
    try_unfold((service, begun), |(service, mut backup)| async {
        let next = async { service.get()?.backups.continue_backup(&mut backup).await };
        let piece = next.await.map_err(|error| refusal(&error))?;
        Ok(piece.map(|piece| (message(piece), (service, backup))))
    })
}

fn message(piece: BackupPiece) -> v1::BackupResponse {
    let BackupPiece { data, records, total_records } = piece;
    v1::BackupResponse { data, records, total_records }
}
