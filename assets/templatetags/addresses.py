"""``{% rendition_url asset.pk "thumbnail" segment.number|default:0 %}``"""

from django import template

from assets.addresses import rendition_url

register = template.Library()
register.simple_tag(rendition_url)
