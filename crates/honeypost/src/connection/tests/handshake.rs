//! Handshakes, and hellos where there is none.

use super::*;

#[tokio::test]
async fn a_handshake_that_does_not_come_about_ends_the_session() {
    let (mut peer, served) = in_memory();
    peer.write_all(b"tls\n").await.expect("written");
    text(&mut peer, 6).await;
    while served.kept.story().len() < 3 {
        sleep(Duration::from_millis(5)).await;
    }
    // What is said in the clear is no longer the session's.
    peer.write_all(b"one more line\n").await.expect("written");
    assert_eq!(rest(&mut peer).await, "");
    served.task.await.expect("no panic");
    assert_eq!(served.kept.story(), story(LINE.into_iter().chain(["tls.failed"]), "error"));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_takes_its_time() {
    let (mut peer, served) = in_memory();
    text(&mut peer, 6).await;
    let start = tokio::time::Instant::now();
    peer.write_all(b"tls\n").await.expect("written");
    sleep(Duration::from_millis(1)).await;
    peer.write_all(b"no hello").await.expect("written");
    while !served.kept.story().iter().any(|event| event.starts_with("tls.failed")) {
        sleep(Duration::from_millis(1)).await;
    }
    let took = start.elapsed();
    assert!(took >= Echo::PACE && took < Echo::PACE * 2, "{took:?}");
}

#[tokio::test]
async fn shutdown_ends_a_handshake() {
    let (mut peer, served) = in_memory();
    peer.write_all(b"tls\n").await.expect("written");
    text(&mut peer, 6).await;
    peer.write_all(&[22, 3, 1]).await.expect("written");
    sleep(Duration::from_millis(30)).await;
    served.stop.send(true).expect("listening");
    tokio::time::timeout(Duration::from_secs(5), served.task).await.expect("soon").expect("no panic");
    assert_eq!(served.kept.story(), story(LINE, "shutdown"));
}

#[tokio::test]
async fn the_beginning_of_a_hello_in_the_clear_is_told_at_the_end() {
    for (input, told) in [(&[22, 3, 1, 2, 0, 1][..], 2), (b"\x16x", 1), (b"x\x16\x03\x01", 1)] {
        let (mut peer, served) = in_memory();
        text(&mut peer, 6).await;
        peer.write_all(input).await.expect("written");
        drop(peer);
        served.task.await.expect("no panic");
        assert_eq!(served.kept.story(), story(vec!["protocol.violation"; told], "peer"), "{input:?}");
    }
}
