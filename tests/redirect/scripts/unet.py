"""A U-Net that finds discs in noisy images."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, random_split


class DoubleConv(nn.Module):
    """(convolution => [BN] => ReLU) * 2"""

    def __init__(self, in_channels, out_channels, mid_channels=None):
        super().__init__()
        if not mid_channels:
            mid_channels = out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(in_channels, out_channels))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, in_channels, out_channels, bilinear=True):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(in_channels, out_channels, in_channels // 2)
        else:
            self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(in_channels, out_channels)

    def forward(self, x1, x2):
        x1 = self.up(x1)
        diffY = x2.size()[2] - x1.size()[2]
        diffX = x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [diffX // 2, diffX - diffX // 2, diffY // 2, diffY - diffY // 2])
        x = torch.cat([x2, x1], dim=1)
        return self.conv(x)


class OutConv(nn.Module):
    def __init__(self, in_channels, out_channels):
        super(OutConv, self).__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    def __init__(self, n_channels, n_classes, bilinear=False):
        super(UNet, self).__init__()
        self.n_channels = n_channels
        self.n_classes = n_classes
        factor = 2 if bilinear else 1
        self.inc = DoubleConv(n_channels, 8)
        self.down1 = Down(8, 16)
        self.down2 = Down(16, 32 // factor)
        self.up1 = Up(32, 16 // factor, bilinear)
        self.up2 = Up(16, 8, bilinear)
        self.outc = OutConv(8, n_classes)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x = self.up1(x3, x2)
        x = self.up2(x, x1)
        return self.outc(x)


class Discs(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        ys, xs = torch.meshgrid(torch.arange(19.0), torch.arange(22.0), indexing="ij")
        mask = ((xs - 4 - index % 13) ** 2 + (ys - 3 - index % 11) ** 2 < 16).long()
        image = mask.float() + 0.3 * torch.sin(xs * ys + index)
        return {"image": image.unsqueeze(0), "mask": mask}


def dice_coeff(input, target, epsilon=1e-6):
    inter = 2 * (input * target).sum(dim=(-1, -2))
    sets_sum = input.sum(dim=(-1, -2)) + target.sum(dim=(-1, -2))
    sets_sum = torch.where(sets_sum == 0, inter, sets_sum)
    return ((inter + epsilon) / (sets_sum + epsilon)).mean()


torch.manual_seed(0)
bilinear = len(sys.argv) > 1 and sys.argv[1] == "bilinear"
dataset = Discs(24)
train_set, val_set = random_split(dataset, [20, 4], generator=torch.Generator().manual_seed(0))
train_loader = DataLoader(Discs(20), shuffle=False, batch_size=5, num_workers=0)
model = UNet(n_channels=1, n_classes=2, bilinear=bilinear)
model = model.to(memory_format=torch.channels_last)
# the eps keeps the first steps from following the signs of rounding errors
optimizer = torch.optim.RMSprop(
    model.parameters(), lr=1e-3, weight_decay=1e-8, momentum=0.9, eps=1e-3
)
criterion = nn.CrossEntropyLoss()
for epoch in range(2):
    model.train()
    for batch in train_loader:
        images, true_masks = batch["image"], batch["mask"]
        images = images.to(dtype=torch.float32, memory_format=torch.channels_last)
        masks_pred = model(images)
        loss = criterion(masks_pred, true_masks)
        probability = F.softmax(masks_pred, dim=1).float()
        wanted = F.one_hot(true_masks, model.n_classes).permute(0, 3, 1, 2).float()
        loss += 1 - dice_coeff(probability, wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        print("epoch %d loss %.4f" % (epoch, loss.item()))
print(len(train_set), len(val_set), sum(p.numel() for p in model.parameters() if p.requires_grad))
