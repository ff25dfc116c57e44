//! One colour for each fate of the audio, wherever it is drawn.

use ratatui::style::Color;
use voxgate::Reason;

/// The colour of what goes to speech-to-text.
pub(crate) const SENT: Color = Color::Green;
/// The colour of what may yet go there.
pub(crate) const HELD: Color = Color::Yellow;

/// The colour of what is kept out.
pub(crate) fn colour(reason: Reason) -> Color {
    match reason {
        Reason::Silence => Color::DarkGray,
        Reason::Echo => Color::Magenta,
        Reason::Burst => Color::Cyan,
        _ => Color::Red,
    }
}
