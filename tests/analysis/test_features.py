import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.features import BUCKETS, distinct, grams, reduce

# (gram, murmurhash3_x86_32 with seed 0 as a signed number), taken from scikit-learn 1.9
MURMUR3 = {
    "a": 1009084850,
    "ab": -1681926305,
    "abc": -1277324294,
    "0": -764297089,
    "差": -1303571295,
    "起火": -851422236,
    "不合格": 1604191778,
    "é好": -2099387264,
    "😅": 491841486,
    "😅😅": 1159609,
    "😅😅😅": -836030911,
}


def bucket_of(gram: str) -> int:
    found = grams([gram])
    whole = found.sizes[len(gram) - 1]
    assert whole == 1
    return int(found.bucket[sum(found.sizes[: len(gram) - 1])])


@pytest.mark.parametrize(("gram", "hashed"), MURMUR3.items(), ids=list(MURMUR3))
def test_a_gram_falls_into_the_bucket_of_its_murmur_hash(gram, hashed):
    assert bucket_of(gram) == abs(hashed) % BUCKETS


def test_buckets_equal_those_of_the_hashing_vectorizer():
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="needs the train extra")

    def n_grams(one):
        return [one[i : i + n] for n in (1, 2, 3) for i in range(len(one) - n + 1)]

    vectorizer = text.HashingVectorizer(
        analyzer=n_grams, n_features=BUCKETS, binary=True, norm=None, alternate_sign=False
    )
    texts = ["外观不错，但是质量太差😅", "ab é ñ 00", "", "好", "😅好a" * 30]
    expected = vectorizer.transform(texts)
    expected.sort_indices()
    _, bucket = distinct(grams(texts))
    assert bucket.tolist() == expected.indices.tolist()


@given(st.lists(st.text(max_size=40), max_size=6))
def test_a_text_has_the_same_buckets_alone_and_in_any_batch(texts):
    owner, bucket = distinct(grams(texts))
    for index, text in enumerate(texts):
        assert distinct(grams([text]))[1].tolist() == bucket[owner == index].tolist()


@pytest.mark.parametrize(
    ("folded", "expected"),
    [
        ("降价20元", "降价00元"),
        ("哈哈哈哈哈哈", "哈哈哈"),
        ("看这里 https://t.cn/a6pp 好用", "看这里  好用"),
        ("好//@小明:转发", "好转发"),
        ("一\n二\t三", "一 二 三"),
        ("a    b", "a b"),
        ("a{%emoji%}b", "ab"),
        ("", ""),
    ],
    ids=["digits", "flood", "link", "repost chain", "line ends", "blanks", "macro", "empty"],
)
def test_reducing(folded, expected):
    assert reduce(folded).text == expected


@given(st.text(alphabet="好a1 @:/!哈\n", max_size=60))
def test_what_is_kept_points_to_where_it_came_from(folded):
    reduced = reduce(folded)
    places = reduced.spread(np.arange(1.0, len(reduced.text) + 1), len(folded))
    assert len(places) == len(folded)
    origin = [index for index, value in enumerate(places) if value]
    assert reduce("".join(folded[i] for i in origin)).text == reduce(reduced.text).text
    assert len(origin) == len(reduced.text)
