"""Names of networks that are spoken of where nothing is loaded yet: importing torch takes seconds."""

EMBEDDED = "efficientnet_lite0"
PAPER = ("vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "resnet101")  # section 4.1 of the paper
