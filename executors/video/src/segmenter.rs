//! The executor.

use std::marker::PhantomData;

use flowrun_sdk::{
    Build, BuildError, Call, CallBudget, Document, Executor, ExecutorError, Instance, add_chunks,
    parse_parameters, with_part_id,
};

use crate::animation::Animations;
use crate::chunks::{FrameCollector, seconds};
use crate::content::{VideoContent, VideoFile};
use crate::ffmpeg::{self, Programs};
use crate::frame::VideoFrame;
use crate::frame_size::FrameSize;
use crate::parameters::VideoSegmenterParameters;
use crate::selection::Selection;
use crate::time_limit::TimeLimit;

/// Frame rate that is assumed for animated pictures, whose frames have times of their own.
const ANIMATION_RATE: f64 = 10.0;

/// Creates a `VideoSegmenter`.
pub(crate) fn create<A: Animations + 'static>(build: &Build) -> Result<Instance, BuildError> {
    let with: VideoSegmenterParameters = parse_parameters(build)?;
    with.check()?;
    let programs = Programs::new(&with.ffmpeg);
    let threads = build.context.threads;
    Ok(Instance::new(VideoSegmenter::<A> { with, programs, threads, animations: PhantomData }))
}

struct VideoSegmenter<A> {
    with: VideoSegmenterParameters,
    programs: Programs,
    threads: usize,
    animations: PhantomData<fn() -> A>,
}

/// The cut video: its chunks, and facts that become tags.
struct Segmented {
    chunks: Vec<Document>,
    /// Length in seconds.
    duration: f64,
    /// Size as displayed, before scaling; unknown for animated pictures.
    size: Option<FrameSize>,
    errors: u64,
}

impl<A: Animations + 'static> Executor for VideoSegmenter<A> {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.with.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each(&paths, |document| {
            self.segment(document, &budget).map_err(|error| with_part_id(document, error))
        })
    }
}

impl<A: Animations> VideoSegmenter<A> {
    fn segment(&self, document: &mut Document, budget: &CallBudget) -> Result<(), ExecutorError> {
        let content = VideoContent::open::<A>(document, budget)?;
        if document.mime_type.is_empty() {
            content.mime_type().clone_into(&mut document.mime_type);
        }
        let segmented = match content {
            VideoContent::Picture { content, .. } => self.segment_picture(document, &content, budget)?,
            VideoContent::Video(video) => self.segment_video(document, &video, budget)?,
        };
        let tags = document.tags_mut();
        tags.insert("duration".to_owned(), seconds(segmented.duration));
        if let Some(FrameSize { width, height }) = segmented.size {
            tags.insert("width".to_owned(), width.into());
            tags.insert("height".to_owned(), height.into());
        }
        if segmented.errors > 0 {
            tags.insert("decode_errors".to_owned(), segmented.errors.into());
        }
        add_chunks(document, segmented.chunks);
        Ok(())
    }

    fn segment_picture(
        &self,
        document: &Document,
        content: &[u8],
        budget: &CallBudget,
    ) -> Result<Segmented, ExecutorError> {
        let time_limit = TimeLimit::new(budget, self.with.timeout);
        let mut collector: Option<FrameCollector<'_>> = None;
        let mut visit = |frame: VideoFrame| {
            time_limit.check("decoding the animation")?;
            let format = (ANIMATION_RATE, FrameSize { width: frame.width, height: frame.height });
            let create =
                || FrameCollector::new(document, &self.with, Selection::new(&self.with), format, budget);
            let current = collector.take().map_or_else(create, Ok)?;
            collector.insert(current).push(frame)
        };
        let scaled_size = |width, height| {
            let FrameSize { width, height } = FrameSize { width, height }.within(self.with.max_side);
            (width, height)
        };
        let duration = A::decode(content, &scaled_size, &mut visit)?;
        let chunks = collector.map_or_else(|| Ok(Vec::new()), |collector| collector.finish(duration))?;
        Ok(Segmented { chunks, duration, size: None, errors: 0 })
    }

    fn segment_video(
        &self,
        document: &Document,
        video: &VideoFile,
        budget: &CallBudget,
    ) -> Result<Segmented, ExecutorError> {
        let time_limit = TimeLimit::new(budget, self.with.timeout);
        let track = ffmpeg::probe(&self.programs, video, &time_limit)?;
        let size = track.size.within(self.with.max_side);
        let selection = Selection::new(&self.with);
        // ffmpeg sends the selected frames only.
        let mut collector =
            FrameCollector::new(document, &self.with, Selection::All, (track.rate, size), budget)?;
        let output = (size, self.threads);
        let mut frames = ffmpeg::decode(&self.programs, video, &track, &selection, output, &time_limit)?;
        while let Some(frame) = frames.next(&time_limit)? {
            collector.push(frame)?;
        }
        let ended = frames.finish(&time_limit)?;
        let chunks = collector.finish(ended.end)?;
        Ok(Segmented { chunks, duration: ended.end, size: Some(track.size), errors: ended.errors })
    }
}
