"""Small words of captions: openers, verbs, adjectives, joiners and fillers, English and Chinese."""

from __future__ import annotations


def _split(block: str) -> tuple[str, ...]:
    """Phrases parted by bars; a phrase given twice is drawn twice as often."""
    return tuple(phrase.strip() for phrase in block.replace("\n", " ").split("|"))


OPENERS = _split("""
a photo of | a picture of | an image of | photo of | picture of | there is | here is | this is |
i see | my | our | look at | find | show me | a close-up of | a shot of | image with | a scene with |
pictures of | photos of | something like | looking for | i want | a snapshot of
""")
VERBS = _split("""
parked | standing | sitting | lying | driving | driving through | moving | waiting | left | stuck |
resting | placed | running | walking | flying | floating | swimming | playing | alone | lost | seen |
travelling | going | sleeping | out | somewhere | growing | hanging | jumping | is | is standing |
is parked | is lying | that is | which is | sailing | stands | sits | lies | flies | hidden |
looking around | on its way
""")
ADJECTIVES = _split("""
big | small | little | large | beautiful | cute | old | new | nice | lovely | lonely | tiny | single |
huge | pretty | funny | shiny | wild | young | fast | giant | happy | two | three | some | fresh |
colorful | bright | modern | one | another | tasty | delicious | sweet
""")
JOINERS = _split("""
and | with | next to | beside | near | by | together with | and also | in front of | behind |
close to | alongside | plus | under | over | ,
""")
THINGS = _split("""
thing | object | one | something | item | stuff | objects | things
""")
FILLERS = _split("""
very | really | the | just | all | today | please | here | quietly | slowly | again | big | his | her |
their | your | of | to | for | from | me | this | that | some | while | where | with | on | day |
time | good | around | was | are | who | holding | full | view | kind | still | early
""")
ZH_OPENERS = _split("""
一张 | 一幅 | 这是 | 这里有 | 有 | 我看到 | 看 | 我的 | 找 | 拍的 | 有一个 | 画面里有 | 图中有 |
我想要 | 给我看 | 寻找 | 照片里有 | 一张图片, | 那
""")
ZH_CLOSERS = _split("""
的照片 | 的图片 | 的画面 | 的图 | 照片 | 图片 | 的样子 | 的景色 | 的场景
""")
ZH_COUNTS = _split("""
一个 | 一只 | 一辆 | 一条 | 一台 | 一朵 | 一艘 | 一架 | 一把 | 一头 | 一匹 | 一棵 | 一件 | 一座 |
一位 | 两只 | 那辆 | 这只 | 几个 | 一些 | 一杯 | 一块 | 一双 | 一本 | 一碗 | 一顶 | 一瓶 | 一列 |
一群 | 一名 | 一颗 | 一束 | 一盏 | 一支 | 一部 | 一栋 | 一片 | 一串 | 一枚 | 一张 | 一间 | 三个 |
一盘 | 一份
""")
ZH_VERBS = _split("""
停着 | 站着 | 坐着 | 行驶 | 行驶的 | 飞 | 飞翔的 | 在跑 | 奔跑的 | 漂着 | 游泳的 | 放着 | 躺着 |
停在那里的 | 走 | 等待的 | 孤独的 | 玩耍 | 飞过 | 开过 | 驶过 | 盛开的 | 飘着的 | 生长的 | 停着的 |
摆着 | 睡觉的 | 游 | 跳跃的 | 开着的 | 站着的 | 玩 | 待着 | 出现的 | 穿过 | 漂浮的
""")
ZH_ADJECTIVES = _split("""
大 | 小 | 可爱的 | 漂亮的 | 美丽的 | 老 | 新 | 旧 | 巨大的 | 孤单的 | 快乐的 | 好看的 | 大大的 |
小小的 | 一点 | 新鲜的 | 美味的 | 年轻的 | 高大的 | 闪亮的
""")
ZH_JOINERS = _split("""
和 | 与 | 旁边的 | 还有 | 跟 | 及 | 以及 | 、 | , | 旁边有 | 边上的 | 加 | 前的 | 后面的 | 旁的 |
附近的 | 下的 | 上的
""")
ZH_THINGS = _split("""
东西 | 物体 | 物品 | 物件 | 的东西 | 的
""")
