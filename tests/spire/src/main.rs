//! A workload that has SPIFFE IDs: keeps files with one's SVIDs, as the Workload API renews them.
//!
//! Usage: `workload ENDPOINT SPIFFE-ID AUDIENCE DIRECTORY`. Writes `svid.pem`, the key and the certificates, and
//! `svid.jwt`, each in place of the one before by a rename.

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use pem::Pem;
use spiffe::{JwtSource, SpiffeId, X509Source, X509Svid, x509_source::SvidPicker};

/// Interval between two looks at the sources, which follow the Workload API themselves.
const LOOK: Duration = Duration::from_millis(500);

/// Picks the SVID of one ID.
#[derive(Debug)]
struct Of(SpiffeId);

impl SvidPicker for Of {
    fn pick_svid(&self, svids: &[Arc<X509Svid>]) -> Option<usize> {
        svids.iter().position(|svid| *svid.spiffe_id() == self.0)
    }
}

fn put(directory: &Path, name: &str, contents: &str) -> io::Result<()> {
    let aside: PathBuf = directory.join(format!("{name}.new"));
    fs::write(&aside, contents)?;
    fs::rename(aside, directory.join(name))
}

/// The key, and the certificates from the workload's on.
fn pem(svid: &X509Svid) -> String {
    let mut blocks = vec![Pem::new("PRIVATE KEY", svid.private_key().as_bytes())];
    let chain = svid.cert_chain().iter();
    blocks.extend(chain.map(|certificate| Pem::new("CERTIFICATE", certificate.as_bytes())));
    pem::encode_many(&blocks)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [endpoint, id, audience, directory] = &*arguments else {
        return Err("usage: workload ENDPOINT SPIFFE-ID AUDIENCE DIRECTORY".into());
    };
    let id = SpiffeId::try_from(id.as_str())?;
    let directory = Path::new(directory);
    let certificates =
        X509Source::builder().endpoint(endpoint).picker(Of(id.clone())).build().await?;
    let tokens = JwtSource::builder().endpoint(endpoint).build().await?;
    loop {
        put(directory, "svid.pem", &pem(&*certificates.svid()?))?;
        let token = tokens.fetch_jwt_svid_with_id([audience], Some(&id)).await?;
        put(directory, "svid.jwt", token.token())?;
        tokio::time::sleep(LOOK).await;
    }
}
