"""Makes tokenizers.json: small tokenizers of every kind, and the ids that the Rust library gives for odd texts.

    python tokenizers.py > tokenizers.json (tokenizers 0.23)
"""
import json
import sys

sys.path.pop(0)  # this file has the library's name
from tokenizers import AddedToken, Regex, Tokenizer, models  # noqa: E402
from tokenizers import normalizers as N  # noqa: E402
from tokenizers import pre_tokenizers as P  # noqa: E402
from tokenizers import processors as PP  # noqa: E402
from tokenizers import trainers as T  # noqa: E402

CORPUS = ["How do I locate my card?", "I still have not received my new card, I ordered over a week ago.",
          "Is there a way to know when my card will arrive?", "don't can't I'll we've", "Café naïve façade",
          "1,234.56 and 42", "top-up failed; please help!", "The card was declined at the café."] * 4
TEXTS = ["How do I track my card?", "", "  two  spaces\t\n ", "Café NAÏVE cafe\u0301", "ΟΔΟΣ", "İı ß", "漢字と𠀀x", "a…b—c 'd'",
         "!!?? --", "42 ٣٤ ½ Ⅷ 3rd", "nbsp\u00a0x\u3000y", "z\u200bw\ufeff\u00ad\x00\ufffd\x85q", "don't WE'VE", "😀👩‍👧 ok",
         "snake_case a.b@c", "[CLS] <s> [MASK]<mask> hi", "top-up cards card", "▁x ▁▁", "ﬁ Ａ ～", "$& $1 ``q''",
         "\ud7ff\ue000"]
PAIRS = [("How do I?", "my card"), ("card", ""), ("one two three", "four")]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<pad>", "<s>", "</s>", "<unk>", "<mask>"]
BYTES = P.ByteLevel.alphabet()
GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+")


def template(start, end):
    return lambda t: PP.TemplateProcessing(
        single=f"{start} $A {end}", pair=f"{start} $A {end} $B:1 {end}:1",
        special_tokens=[(start, t.token_to_id(start)), (end, t.token_to_id(end))])


def build(model, trainer, normalizer, pre, post=None, added=()):
    t = Tokenizer(model)
    t.normalizer, t.pre_tokenizer = normalizer, pre
    t.train_from_iterator(CORPUS, trainer)
    if post:
        t.post_processor = post(t)
    t.add_tokens(list(added))
    return t


def wordpiece(normalizer, pre, **more):
    trainer = T.WordPieceTrainer(vocab_size=110, special_tokens=BERT)
    return build(models.WordPiece(unk_token="[UNK]"), trainer, normalizer, pre, template("[CLS]", "[SEP]"), **more)


def bpe(normalizer, pre, post=None, model=None, alphabet=BYTES, added=(), **more):
    trainer = T.BpeTrainer(vocab_size=330, special_tokens=ROBERTA, initial_alphabet=alphabet, **more)
    return build(models.BPE(**(model or {})), trainer, normalizer, pre, post, added)


def unigram(normalizer, pre):
    trainer = T.UnigramTrainer(vocab_size=90, special_tokens=ROBERTA, unk_token="<unk>")
    return build(models.Unigram(), trainer, normalizer, pre, template("<s>", "</s>"))


def kinds():
    yield "BERT", wordpiece(N.BertNormalizer(), P.BertPreTokenizer())
    yield "BERT, cased", wordpiece(N.BertNormalizer(lowercase=False), P.BertPreTokenizer())
    yield "WordPiece, digits", wordpiece(N.Sequence([N.NFD(), N.Lowercase(), N.StripAccents()]),
                                         P.Sequence([P.Whitespace(), P.Digits(individual_digits=True)]))
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        yield f"punctuation {behavior}", wordpiece(N.Strip(), P.Sequence([P.WhitespaceSplit(), P.Punctuation(behavior)]))
    yield "delimiter", wordpiece(N.Sequence([N.Prepend("x"), N.Replace("d", "$&")]), P.CharDelimiterSplit(" "))
    yield "added tokens", wordpiece(N.BertNormalizer(), P.BertPreTokenizer(), added=[
        AddedToken("Card", single_word=True), AddedToken("top-up", lstrip=True, rstrip=True), AddedToken("I")])
    yield "words", build(models.WordLevel(unk_token="[UNK]"), T.WordLevelTrainer(vocab_size=40, special_tokens=BERT),
                         N.Lowercase(), P.Whitespace(), template("[CLS]", "[SEP]"))
    yield "GPT-2", bpe(None, P.ByteLevel(add_prefix_space=False), lambda t: PP.ByteLevel())
    yield "RoBERTa", bpe(None, P.ByteLevel(), lambda t: PP.RobertaProcessing(("</s>", 2), ("<s>", 1)),
                         added=[AddedToken("<mask>", lstrip=True, normalized=False)])
    yield "Llama 3", bpe(N.NFC(), P.Sequence([P.Split(Regex(GPT4), "isolated"),
                                              P.ByteLevel(add_prefix_space=False, use_regex=False)]),
                         lambda t: PP.Sequence([PP.ByteLevel(trim_offsets=False), template("<s>", "</s>")(t)]))
    yield "CLIP", bpe(N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()]),
                      P.Sequence([P.Split(Regex(r"'s|'t|'re|'ve|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"), "removed", invert=True),
                                  P.ByteLevel(add_prefix_space=False)]),
                      lambda t: PP.BertProcessing(("</s>", 2), ("<s>", 1)),
                      model={"unk_token": "<unk>", "end_of_word_suffix": "</w>"}, end_of_word_suffix="</w>")
    yield "BPE without unknown", bpe(N.Lowercase(), P.Whitespace(), alphabet=[], limit_alphabet=20)
    yield "SentencePiece BPE", bpe(N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, template("<s>", "</s>"),
                                   {"unk_token": "<unk>", "fuse_unk": True}, alphabet=[], limit_alphabet=20,
                                   max_token_length=8)
    yield "ALBERT", unigram(N.Sequence([N.Replace("``", '"'), N.NFKD(), N.StripAccents(), N.Lowercase(),
                                        N.Replace(Regex(" {2,}"), " ")]), P.Metaspace())
    yield "T5", unigram(N.NFKC(), P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="first")]))


def encoded(t, *texts):
    encoding = t.encode(*texts)
    return [encoding.ids, encoding.type_ids]


print(json.dumps({
    "texts": TEXTS, "pairs": PAIRS,
    "kinds": [{"name": name, "tokenizer": json.loads(t.to_str()), "single": [encoded(t, text) for text in TEXTS],
               "pair": [encoded(t, *pair) for pair in PAIRS]} for name, t in kinds()],
}, ensure_ascii=True, separators=(",", ":")))
