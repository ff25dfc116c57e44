//! Which microphones and loudspeakers there are, and which one is meant.

use anyhow::{Context, bail};
use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, Host, HostId, SupportedStreamConfig};

use crate::command::mic::side::Side;
use crate::command::paint::{BOLD, DIM, UsageError, paint};

/// A device as a person sees it.
pub(crate) struct Entry {
    device: Device,
    /// What it calls itself.
    pub(crate) name: String,
    /// What the system calls it.
    id: String,
    is_default: bool,
}

/// The audio system of that name, or the one that suits this machine.
///
/// # Errors
/// [`UsageError`] names the systems that there are.
pub(crate) fn host(name: Option<&str>) -> anyhow::Result<Host> {
    let Some(name) = name else { return Ok(cpal::default_host()) };
    let known = cpal::available_hosts();
    let Some(id) = known.iter().find(|id| id.name().eq_ignore_ascii_case(name)) else {
        bail!(UsageError(format!(
            "there is no audio system `{name}` here; there is {}",
            list(known.iter().map(HostId::name))
        )));
    };
    cpal::host_from_id(*id).with_context(|| format!("cannot reach {}; is it running?", id.name()))
}

/// The device that `wanted` means: a number of `voxgate mic --list`, a name, or part of one; the system's own
/// choice if it is `None`.
pub(crate) fn choose(host: &Host, side: Side, wanted: Option<&str>) -> anyhow::Result<Entry> {
    let Some(wanted) = wanted else { return default(host, side) };
    let mut entries = entries(host, side)?;
    let index = pick(wanted, &entries.iter().map(|e| (e.name.as_str(), e.id.as_str())).collect::<Vec<_>>(), side)?;
    Ok(entries.swap_remove(index))
}

impl Entry {
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Whether the device is gone though its stream goes on: PulseAudio moves a stream to some other device. Other
    /// systems end the stream, and are not asked: ALSA opens every device to list it.
    pub(crate) fn was_replaced(&self, host: &Host, side: Side) -> bool {
        if host.id().name() != MOVES_STREAMS {
            return false;
        }
        let listed = match side {
            Side::Mic => host.input_devices().map(|mut devices| devices.any(|device| device == self.device)),
            Side::Speaker => host.output_devices().map(|mut devices| devices.any(|device| device == self.device)),
        };
        !listed.unwrap_or(false)
    }

    /// How the device likes to be opened.
    pub(crate) fn config(&self, side: Side) -> anyhow::Result<SupportedStreamConfig> {
        let config = match side {
            Side::Mic => self.device.default_input_config(),
            Side::Speaker => self.device.default_output_config(),
        };
        config.with_context(|| {
            format!("cannot use {}; `voxgate mic --list` shows what there is, and --device takes one", self.name)
        })
    }
}

/// Microphones and loudspeakers, as a table.
pub(crate) fn list_text(host: &Host) -> anyhow::Result<String> {
    let mut text = String::new();
    for (side, title) in [(Side::Mic, "microphones"), (Side::Speaker, "loudspeakers")] {
        text += &format!("\n{} ({}, {})\n", paint(BOLD, title), side.flag(), host.id().name());
        let entries = entries(host, side)?;
        if entries.is_empty() {
            text += &format!("  none; {}\n", remedy(side));
        }
        let width = entries.iter().map(|entry| entry.name.chars().count()).max().unwrap_or(0).min(WIDEST_NAME);
        for (index, entry) in entries.iter().enumerate() {
            let mark = if entry.is_default { "*" } else { " " };
            let form = entry.config(side).map_or("in use, or not to be opened".into(), |config| form(&config));
            let id = if entry.id == entry.name { String::new() } else { format!("  {}", paint(DIM, &entry.id)) };
            text += &format!("{mark} {index:>2}  {:<width$}  {}{id}\n", entry.name, paint(DIM, format!("{form:<29}")));
        }
    }
    Ok(text + "\n* is taken if none is named\n")
}

/// Rate, channels and format.
pub(crate) fn form(config: &SupportedStreamConfig) -> String {
    let channels = config.channels();
    let plural = if channels == 1 { "" } else { "s" };
    format!("{} Hz, {channels} channel{plural}, {}", config.sample_rate(), config.sample_format())
}

fn entries(host: &Host, side: Side) -> anyhow::Result<Vec<Entry>> {
    let trouble = || format!("{} does not list its devices; {}", host.id().name(), remedy(side));
    let default = default(host, side).ok().map(|entry| entry.id);
    let devices: Vec<Device> = match side {
        Side::Mic => host.input_devices().with_context(trouble)?.collect(),
        Side::Speaker => host.output_devices().with_context(trouble)?.collect(),
    };
    Ok(devices.into_iter().map(|device| entry(device, default.as_deref())).collect())
}

fn default(host: &Host, side: Side) -> anyhow::Result<Entry> {
    let device = match side {
        Side::Mic => host.default_input_device(),
        Side::Speaker => host.default_output_device(),
    };
    let device = device.with_context(|| format!("{} has no {}; {}", host.id().name(), side.noun(), remedy(side)))?;
    let mut entry = entry(device, None);
    entry.is_default = true;
    Ok(entry)
}

fn entry(device: Device, default: Option<&str>) -> Entry {
    let id = device.id().map_or_else(|_| String::new(), |id| id.id().to_owned());
    let name = device.description().map_or_else(|_| id.clone(), |description| description.name().to_owned());
    Entry { is_default: default == Some(id.as_str()), device, name, id }
}

/// Which of `known` (names and ids) is meant.
fn pick(wanted: &str, known: &[(&str, &str)], side: Side) -> anyhow::Result<usize> {
    let names = || list(known.iter().map(|(name, _)| *name));
    if known.is_empty() {
        bail!("there is no {}; {}", side.noun(), remedy(side));
    }
    if let Ok(index) = wanted.parse::<usize>() {
        if index < known.len() {
            return Ok(index);
        }
        let last = known.len() - 1;
        bail!(UsageError(format!("{} {index} does not exist; they are 0 to {last}: {}", side.noun(), names())));
    }
    let lower = wanted.to_lowercase();
    let exact = known.iter().position(|(name, id)| name.to_lowercase() == lower || id.to_lowercase() == lower);
    let like = |(_, (name, id)): &(usize, &(&str, &str))| {
        name.to_lowercase().contains(&lower) || id.to_lowercase().contains(&lower)
    };
    let alike: Vec<usize> = known.iter().enumerate().filter(like).map(|(index, _)| index).collect();
    match (exact, alike.as_slice()) {
        (Some(index), _) | (None, &[index]) => Ok(index),
        (None, []) => bail!(UsageError(format!("no {} is called `{wanted}`; there is {}", side.noun(), names()))),
        (None, several) => bail!(UsageError(format!(
            "`{wanted}` may be {}; give more of the name, or its number",
            list(several.iter().map(|index| known[*index].0))
        ))),
    }
}

/// Longer names push the rest of their line aside.
const WIDEST_NAME: usize = 40;

fn remedy(side: Side) -> &'static str {
    match side {
        Side::Mic => "plug a microphone in, allow its use in the system's settings, or try another --host",
        Side::Speaker => "plug a loudspeaker in, or try another --host",
    }
}

/// As [`HostId::name`] has it.
const MOVES_STREAMS: &str = "PulseAudio";

fn list<T: std::fmt::Display>(names: impl Iterator<Item = T>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(&str, &str); 3] =
        [("Built-in Audio", "alsa_input.pci"), ("USB Headset", "alsa_input.usb-1"), ("USB Camera", "alsa_input.usb-2")];

    fn refusal(wanted: &str, known: &[(&str, &str)]) -> String {
        pick(wanted, known, Side::Mic).unwrap_err().to_string()
    }

    #[test]
    fn a_number_a_name_or_part_of_one_finds_it() {
        for (wanted, index) in [("1", 1), ("usb headset", 1), ("built", 0), ("alsa_input.usb-2", 2), ("Camera", 2)] {
            assert_eq!(pick(wanted, &KNOWN, Side::Mic).unwrap(), index, "{wanted}");
        }
    }

    #[test]
    fn what_is_not_found_is_told_with_what_is() {
        insta::assert_snapshot!(
            [refusal("3", &KNOWN), refusal("Radio", &KNOWN), refusal("usb", &KNOWN), refusal("0", &[])].join("\n"),
            @"
        microphone 3 does not exist; they are 0 to 2: `Built-in Audio`, `USB Headset`, `USB Camera`
        no microphone is called `Radio`; there is `Built-in Audio`, `USB Headset`, `USB Camera`
        `usb` may be `USB Headset`, `USB Camera`; give more of the name, or its number
        there is no microphone; plug a microphone in, allow its use in the system's settings, or try another --host
        "
        );
    }
}
