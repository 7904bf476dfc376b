"""What the names of timm's networks say of their training, against hand-read sources and the whole list."""

from __future__ import annotations

import re

import pytest

from datasets.backbones.timm_models import label_set

timm = pytest.importorskip("timm")

SOURCES = r"""
    2[12]k | 12k | laion | openai | clip | webli | jft | \.ns_ | noisy | ig1b | yfcc | swag | seer | ssld
    | wsl | \.\w*ssl | m38m | m30m | dfn | datacomp | lvd | sa1b | cc12m | merged2b | bamboo | inw21k | beit
    | eva\d | eva_ | radio | siglip | sapiens | ijepa | flexivit | tiny_vit\w*\.dist | goog_dist | usi_ | dino
"""
"""Data sets, and teachers or tokenisers trained on others, as names of networks and tags tell them."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Torchvision's, timm's own and papers' recipes on ILSVRC-1k alone.
        ("resnet50.tv_in1k", "imagenet1k"),
        ("resnet50.a1_in1k", "imagenet1k"),
        ("vit_base_patch16_224.augreg_in1k", "imagenet1k"),
        ("deit3_small_patch16_224.fb_in1k", "imagenet1k"),
        ("deit_base_distilled_patch16_224.fb_in1k", "imagenet1k"),  # by a RegNet of ILSVRC-1k
        ("swinv2_cr_tiny_ns_224.sw_in1k", "imagenet1k"),  # "ns" of the network is no noisy student
        ("vit_base_patch16_224.sam_in1k", "imagenet1k"),  # an optimiser, not the data set SA-1B
        ("tiny_vit_5m_224.in1k", "imagenet1k"),
        # Labels of ILSVRC-1k after pictures of it without labels.
        ("convnextv2_atto.fcmae_ft_in1k", "imagenet1k"),
        ("hiera_base_224.mae_in1k_ft_in1k", "imagenet1k"),
        # More labels.
        ("vit_base_patch16_224.orig_in21k", "imagenet21k"),
        ("convnext_base.fb_in22k_ft_in1k", "imagenet21k"),
        ("convnextv2_base.fcmae_ft_in22k_in1k", "imagenet21k"),
        ("convnext_nano.in12k_ft_in1k", "imagenet21k"),
        ("vit_base_patch16_224.miil_in21k_ft_in1k", "imagenet21k"),
        # No labels at all.
        ("vit_small_patch8_224.dino", "no labels"),
        ("vit_base_patch14_dinov2.lvd142m", "no labels"),
        ("vit_base_patch16_224.mae", "no labels"),
        ("convnextv2_atto.fcmae", "no labels"),
        ("resmlp_12_224.fb_dino", "no labels"),
        ("vit_huge_patch14_gap_224.in1k_ijepa", "no labels"),
        ("vit_huge_patch14_gap_224.in22k_ijepa", "no labels"),
        # Other pictures first, whatever came last.
        ("resnet50.fb_ssl_yfcc100m_ft_in1k", "unknown"),
        ("resnext101_32x8d.fb_wsl_ig1b_ft_in1k", "unknown"),
        ("tf_efficientnet_b0.ns_jft_in1k", "unknown"),
        ("regnety_320.seer_ft_in1k", "unknown"),
        ("regnety_160.swag_ft_in1k", "unknown"),
        ("regnety_160.swag_lc_in1k", "unknown"),  # 3.6 billion pictures of Instagram, then a linear layer
        ("vit_base_patch16_clip_224.openai", "unknown"),
        ("vit_base_patch16_clip_224.laion2b_ft_in1k", "unknown"),
        ("vit_base_patch16_clip_224.laion2b_ft_in12k_in1k", "unknown"),
        ("convnext_base.clip_laion2b_augreg_ft_in12k", "unknown"),
        ("vit_so400m_patch14_siglip_378.webli_ft_in1k", "unknown"),
        ("resnet50.bamboo", "unknown"),
        # Teachers and tokenisers that saw other pictures.
        ("hgnet_tiny.ssld_in1k", "unknown"),
        ("hrnet_w18_ssld.paddle_in1k", "unknown"),
        ("hgnetv2_b0.ssld_stage1_in22k_in1k", "unknown"),
        ("nextvit_base.bd_ssld_6m_in1k", "unknown"),
        ("edgenext_base.usi_in1k", "unknown"),
        ("flexivit_base.1200ep_in1k", "unknown"),
        ("resnetv2_50x1_bit.goog_distilled_in1k", "unknown"),
        ("tiny_vit_5m_224.dist_in22k_ft_in1k", "unknown"),
        ("beit_base_patch16_224.in22k_ft_in22k_in1k", "unknown"),
        ("beitv2_base_patch16_224.in1k_ft_in1k", "unknown"),
        ("beit3_base_patch16_224.in22k_ft_in1k", "unknown"),
        ("eva02_base_patch14_448.mim_in22k_ft_in1k", "unknown"),
        ("eva02_large_patch14_448.mim_m38m_ft_in1k", "unknown"),
        ("convnext_base.eupe_lvd1689m", "unknown"),
        ("dpn92.mx_in1k", "unknown"),
        # A tag that nobody has written yet, and none.
        ("resnet50.some_new_pictures", "unknown"),
        ("resnet50.", "unknown"),
    ],
)
def test_a_name_tells_the_label_set_only_where_it_is_sure(name: str, expected: str) -> None:
    assert label_set(name) == expected


def test_no_network_that_saw_other_pictures_is_called_one_of_ilsvrc1k() -> None:
    names = [name for name in timm.list_models(pretrained=True) if label_set(name) == "imagenet1k"]
    assert len(names) > 500
    assert [name for name in names if re.search(SOURCES, name, re.VERBOSE)] == []
    n_labels = {name: timm.models.get_pretrained_cfg(name).num_classes for name in names}
    assert {name: n for name, n in n_labels.items() if n != 1000} == {}


def test_networks_called_unlabelled_have_no_classifier() -> None:
    names = [name for name in timm.list_models(pretrained=True) if label_set(name) == "no labels"]
    labelled = [name for name in names if timm.models.get_pretrained_cfg(name).num_classes]
    assert {*labelled} <= {
        "resmlp_12_224.fb_dino",
        "resmlp_24_224.fb_dino",
    }  # with a head that DINO did not train
