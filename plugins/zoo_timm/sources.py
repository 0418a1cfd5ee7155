"""What the tag of a set of weights tells of the pictures they were trained on.

timm's configurations do not name the training data; its tags do, by convention: `a1_in1k` is
recipe a1 on ImageNet-1k, `laion2b_ft_in12k_in1k` LAION-2B, then fine-tuned on two ImageNets.
"""

from __future__ import annotations

from dataclasses import dataclass

_IMAGENET = (
    "ImageNet's: one object in the middle of a photograph, many breeds of dog among the classes, "
    "pictures mostly from North America and Europe"
)
_WEB = (
    "the web's: pictures with their captions, collected by machine; social stereotypes, English "
    "and Western subjects prevail, duplicates and test pictures may be among them"
)
_SOCIAL = (
    "its platform's: photographs that people shared in public, with hashtags or none; some "
    "countries and subjects prevail"
)
_UNDOCUMENTED = "not documented by the publisher"
PHOTOGRAPHS = "photographs"


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A body of training pictures."""

    name: str
    biases: str = _UNDOCUMENTED
    domain: str = PHOTOGRAPHS


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a tag tells."""

    source_data: str
    known_biases: str
    domain: str


_WEBLI = Corpus(name="WebLI (Google's, not public)", biases=_WEB)
_MIXED = "photographs, documents, text"
_CORPORA = {
    "in1k": Corpus(name="ImageNet-1k", biases=_IMAGENET),
    "in12k": Corpus(name="ImageNet-12k", biases=_IMAGENET),
    "in21k": Corpus(name="ImageNet-21k", biases=_IMAGENET),
    "in22k": Corpus(name="ImageNet-22k", biases=_IMAGENET),
    "inw21k": Corpus(name="ImageNet-21k (winter 2021)", biases=_IMAGENET),
    "laion2b": Corpus(name="LAION-2B", biases=_WEB),
    "laion400m": Corpus(name="LAION-400M", biases=_WEB),
    "laiona": Corpus(name="LAION-Aesthetic", biases=_WEB),
    "merged2b": Corpus(name="Merged-2B (LAION-2B and COYO)", biases=_WEB),
    "datacompxl": Corpus(name="DataComp-XL", biases=_WEB),
    "datacomp1b": Corpus(name="DataComp-1B", biases=_WEB),
    "dfn2b": Corpus(name="DFN-2B", biases=_WEB),
    "dfn5b": Corpus(name="DFN-5B", biases=_WEB),
    "dfndr2b": Corpus(name="DFNDR-2B", biases=_WEB),
    "metaclip": Corpus(name="MetaCLIP's pictures from CommonCrawl", biases=_WEB),
    "metaclip2": Corpus(name="MetaCLIP 2's worldwide pictures from CommonCrawl", biases=_WEB),
    "mclip": Corpus(name="DataCompDR (MobileCLIP)", biases=_WEB),
    "openai": Corpus(name="OpenAI's 400 million captioned pictures (not public)", biases=_WEB),
    "cc12m": Corpus(name="Conceptual 12M", biases=_WEB),
    "webli": _WEBLI,
    "yfcc15m": Corpus(name="YFCC-15M (Flickr)", biases=_SOCIAL),
    "yfcc100m": Corpus(name="YFCC-100M (Flickr)", biases=_SOCIAL),
    "ig1b": Corpus(name="1 billion pictures of Instagram (not public)", biases=_SOCIAL),
    "seer": Corpus(name="1 billion pictures of Instagram (SEER, not public)", biases=_SOCIAL),
    "swag": Corpus(name="3.6 billion pictures of Instagram (SWAG, not public)", biases=_SOCIAL),
    "jft": Corpus(name="JFT-300M, unlabelled (Google's, not public)"),
    "lvd142m": Corpus(name="LVD-142M (chosen from the web)", biases=_WEB),
    "lvd1689m": Corpus(name="LVD-1689M (chosen from Instagram)", biases=_SOCIAL),
    "sat493m": Corpus(
        name="SAT-493M (Maxar's satellite pictures)",
        biases="of one satellite operator's pictures at 0.6 m a pixel",
        domain="satellite",
    ),
    "sa1b": Corpus(name="SA-1B (Segment Anything)"),
    "m30m": Corpus(name="Merged-30M"),
    "m38m": Corpus(name="Merged-38M"),
    "florence2": Corpus(name="FLD-5B (Florence-2)", biases=_WEB),
    "bamboo": Corpus(name="Bamboo"),
    "pali": Corpus(name="WebLI and PaliGemma's mixture (not public)", biases=_WEB, domain=_MIXED),
    "pali2": Corpus(
        name="WebLI and PaliGemma 2's mixture (not public)", biases=_WEB, domain=_MIXED
    ),
    "gemma3n": Corpus(name="Gemma 3n's mixture (not public)", domain=_MIXED),
    "gemma4": Corpus(name="Gemma 4's mixture (not public)", domain=_MIXED),
    "qwen": Corpus(name="Qwen's mixture (not public)", domain=_MIXED),
    "qwen3": Corpus(name="Qwen 3's mixture (not public)", domain=_MIXED),
    "deepseek": Corpus(name="DeepSeek's mixture (not public)", domain=_MIXED),
    "ogvl": Corpus(name="InternVL's mixture", domain=_MIXED),
}
_UNKNOWN = "not stated by timm, nor by the tag {tag!r}; see the source"
_DERIVED = "{names} (by the tag {tag!r}; timm states no training data)"


def read_tag(tag: str) -> Origin:
    """Training data, their known biases and domain, as far as the tag tells."""
    corpora = [_CORPORA[token] for token in tag.split("_") if token in _CORPORA]
    if not corpora:
        return Origin(
            source_data=_UNKNOWN.format(tag=tag), known_biases=_UNDOCUMENTED, domain=PHOTOGRAPHS
        )
    names = ", then ".join(corpus.name for corpus in corpora)
    biases = dict.fromkeys(corpus.biases for corpus in corpora)
    if len(biases) > 1:
        biases.pop(_UNDOCUMENTED, None)
    return Origin(
        source_data=_DERIVED.format(names=names, tag=tag),
        known_biases="; ".join(biases),
        domain=corpora[0].domain,
    )
