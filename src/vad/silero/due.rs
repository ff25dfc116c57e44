//! Windows that are due to be scored, alone or in a batch.

use super::kernel::{GROUP, Memory, Net};
use voxgate_base::Probability;

/// A full window of some stream, lent to whoever scores it.
pub(crate) struct DueWindow<'a> {
    pub(super) net: &'a Net,
    pub(super) memory: &'a mut Memory,
    pub(super) window: &'a [f32],
    /// Receives the score.
    pub(super) speech: &'a mut Probability,
}

impl DueWindow<'_> {
    /// Scores it by itself.
    pub(crate) fn score(self) {
        *self.speech = Probability::nearest(self.net.score(self.memory, self.window));
    }
}

/// Scores all of them, in groups: each weight is read once for several. What is less than a group,
/// or of more than one model, is scored one by one.
pub(crate) fn score_together<'a>(windows: impl Iterator<Item = DueWindow<'a>>) {
    let mut windows = windows.fuse();
    loop {
        match std::array::from_fn(|_| windows.next()) {
            [Some(a), Some(b), Some(c), Some(d)] if [&b, &c, &d].iter().all(|w| std::ptr::eq(w.net, a.net)) => {
                score_group([a, b, c, d]);
            }
            [None, ..] => return,
            fewer => fewer.into_iter().flatten().for_each(DueWindow::score),
        }
    }
}

fn score_group(windows: [DueWindow<'_>; GROUP]) {
    let net = windows[0].net;
    let mut answers = windows.map(|DueWindow { memory, window, speech, .. }| ((memory, window), speech));
    let scores = net.score_group(answers.each_mut().map(|((memory, window), _)| (&mut **memory, *window)));
    for ((_, speech), score) in answers.into_iter().zip(scores) {
        *speech = Probability::nearest(score);
    }
}
