"""Joins the pictures of a generated set to videos of known scenes, and counts how often a search by picture finds them.

    python3 videos.py make DIRECTORY             writes DIRECTORY/videos and the pictures in DIRECTORY/video-queries
    python3 videos.py score DIRECTORY RESULTS    compares the results of flows/media/query.yml for these pictures

A scene is a picture that turns slowly. A query is a frame of a video, smaller and compressed again. Uses ffmpeg.
"""

import json
import pathlib
import random
import shutil
import subprocess
import sys
import urllib.parse

SCENES = 8
WIDTH, HEIGHT, RATE = 240, 180, 10
SECONDS = (8, 24)
# Angle in radians that a picture turns by in a scene.
TURN = 0.1
QUERIES_PER_VIDEO = 2
# Smallest overlap of the found scene and the true one, as a share of the time that either covers.
OVERLAP_MIN = 0.8


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *map(str, arguments)], check=True)


def make(directory):
    chance = random.Random(1)
    pictures = sorted((directory / "pictures/index").iterdir())
    chance.shuffle(pictures)
    videos, queries = directory / "videos", directory / "video-queries"
    for folder in (videos, queries):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    truth, total = {}, 0
    for number in range(len(pictures) // SCENES):
        video, start, scenes = videos / f"video-{number + 1:02}.mp4", 0, []
        for _ in range(SCENES):
            end = start + chance.randint(*SECONDS)
            scenes.append((start, end))
            start = end
        encode(pictures[number * SCENES : (number + 1) * SCENES], scenes, video)
        for query, (start, end) in enumerate(chance.sample(scenes, QUERIES_PER_VIDEO)):
            picture = queries / f"{video.stem}-{query + 1}.jpg"
            time = chance.uniform(start + 0.5, end - 0.5)
            ffmpeg("-ss", f"{time:.2f}", "-i", video, "-frames:v", 1, "-vf", "scale=iw*3/4:-2", "-q:v", 8, picture)
            truth[picture.name] = {"video": video.name, "start": start, "end": end}
        total += scenes[-1][1]
    (directory / "videos.json").write_text(json.dumps(truth))
    print(f"{len(pictures) // SCENES} videos of {total / 60:.0f} minutes together, {SCENES} scenes each; {len(truth)} pictures")


def encode(pictures, scenes, path):
    inputs, filters = [], ""
    for number, (picture, (start, end)) in enumerate(zip(pictures, scenes)):
        length = end - start
        inputs += ["-f", "image2", "-loop", 1, "-framerate", RATE, "-t", length, "-i", picture]
        turn = TURN if number % 2 else -TURN
        # Scaled so that the corners stay outside of the frame.
        filters += (
            f"[{number}:v]scale={WIDTH * 5 // 4}:{HEIGHT * 5 // 4}:force_original_aspect_ratio=increase,setsar=1,"
            f"rotate=a='{turn}*(t/{length}-0.5)',crop={WIDTH}:{HEIGHT},format=yuv420p[s{number}];"
        )
    filters += "".join(f"[s{number}]" for number in range(len(pictures))) + f"concat=n={len(pictures)}[joined]"
    ffmpeg(*inputs, "-filter_complex", filters, "-map", "[joined]", "-preset", "veryfast", path)


def name(document):
    return pathlib.PurePosixPath(urllib.parse.urlparse(document.get("uri", "")).path).name


def score(directory, results):
    truth = json.loads((directory / "videos.json").read_text())
    answers = {name(answer): answer for answer in map(json.loads, results.read_text().splitlines())}
    videos = ranges = 0
    for picture, expected in truth.items():
        matches = answers.get(picture, {}).get("matches") or [{}]
        if name(matches[0]) == expected["video"]:
            videos += 1
            tags = matches[0]["matches"][0]["tags"]
            start, end = tags["scene_start"], tags["scene_end"]
            common = min(end, expected["end"]) - max(start, expected["start"])
            either = max(end, expected["end"]) - min(start, expected["start"])
            ranges += common / either >= OVERLAP_MIN
    print(f"the first video is that of the picture for {videos} of {len(truth)} pictures ({videos / len(truth):.0%})")
    print(f"its scene is that of the picture (overlap of {OVERLAP_MIN:.0%} or more) for {ranges} ({ranges / len(truth):.0%})")
    if videos < 0.95 * len(truth) or ranges < 0.9 * len(truth):
        sys.exit("fewer than expected: 95 % of the videos and 90 % of the scenes")


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        make(pathlib.Path(sys.argv[2]))
    elif sys.argv[1:2] == ["score"]:
        score(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    else:
        sys.exit(__doc__)
