"""archive-push and archive-get as real servers call them."""
import pytest

import archiving


@pytest.fixture
def archive(pgstrata, folder):
    return archiving.Archive(pgstrata, folder)


@pytest.mark.majors(13, 14, 15, 16, 17, 18)
def test_wal_goes_to_the_archive_and_comes_back(archive, clusters, major):
    cluster = clusters(major)
    archive.attach(cluster)
    cluster.start()
    cluster.sql('create table t (n int)')
    data, _ = archiving.base_copy(cluster, clusters)
    for n in range(3):
        cluster.sql(f'insert into t select generate_series({n}00, {n}99)')
        archiving.end_segment(archive, cluster)
    copy = archiving.recover_by_archive(archive, clusters, data)
    copy.start()
    copy.wait_for_recovery_end()
    assert copy.value('select count(*) from t') == 300
    assert copy.value('select timeline_id from pg_control_checkpoint()') == 2
    copy.check_pages()
    cluster.stop()
    assert cluster.log().count('archive command failed') == 0
