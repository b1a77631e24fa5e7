//! Opening a board for whoever looks at it.

use artel::visibility::Viewer;
use artel::{ReadError, Reader};

use crate::config::Config;
use crate::error::Error;

/// What shows what is not shown to everybody.
pub(super) const TO_SEE: &str =
    "--as AGENT, --label, --tenant or --unrestricted says who looks, and shows what they may see";

/// The board as the flags say that it is to be seen.
pub(super) async fn open(config: &Config) -> Result<Reader, Error> {
    let reader = Reader::open(&config.board).await?;
    let viewer = viewer(&reader, config)?;
    Ok(reader.seen_by(viewer))
}

fn viewer(reader: &Reader, config: &Config) -> Result<Viewer, Error> {
    let looks = &config.looks;
    if looks.unrestricted {
        return Ok(Viewer::unrestricted());
    }
    let viewer = match &looks.viewer {
        None => Viewer::anybody(),
        Some(name) => {
            let found = reader.state().agent_named(name);
            let unknown = || ReadError::Unknown { what: "agent", name: name.to_string() };
            let (_, record) = found.ok_or_else(unknown)?;
            Viewer::agent(name, &record.definition.clearance)
        }
    };
    let viewer = looks.label.iter().cloned().fold(viewer, Viewer::with_label);
    Ok(looks.tenant.iter().cloned().fold(viewer, Viewer::of_tenant))
}
