"""A VAE's decoder: which pixels can light up?
===========================================

The decoder of a variational autoencoder turns two latent variables into an image of 14 by 14
pixels. A proof over a square of latents shows how bright each pixel can become.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np

import outrange


keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
rows, columns = np.mgrid[:14, :14]
angle = rng.uniform(0, 2 * np.pi, (1000, 1, 1))
center = 6.5 + 3.5 * np.stack([np.cos(angle), np.sin(angle)])
images = 1 / (1 + np.exp(3 * (np.hypot(rows - center[0], columns - center[1]) - 2)))
images = images[..., None].astype("float32")  # disks whose centers lie on a circle


class Sample(keras.layers.Layer):
    """Draws latents around their mean, and adds the Kullback-Leibler term to the loss."""

    def call(self, code):
        mean, log_variance = code[:, :2], code[:, 2:]
        excess = keras.ops.exp(log_variance) + mean**2 - 1 - log_variance
        self.add_loss(0.002 * keras.ops.mean(excess))
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.seed)
        return mean + keras.ops.exp(log_variance / 2) * noise

    def build(self, shape):
        self.seed = keras.random.SeedGenerator(0)


decoder = keras.Sequential([
    keras.Input((2,), name="latent"),
    keras.layers.Dense(24, "relu"),
    keras.layers.Dense(7 * 7 * 4, "relu"),
    keras.layers.Reshape((7, 7, 4)),
    keras.layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="sigmoid",
                                 name="image"),
], name="decoder")  # fmt: skip
vae = keras.Sequential([
    keras.Input((14, 14, 1)), keras.layers.Flatten(), keras.layers.Dense(64, "relu"),
    keras.layers.Dense(4), Sample(), decoder,
])  # fmt: skip
vae.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")
history = vae.fit(images, images, epochs=40, batch_size=100, verbose=0)

# %%
# The next cell computes the range of all 196 pixels over the square of latents from -2 to 2:

answer = outrange.output_range(decoder, (-2, 2), tol=0.05, budget=12)
print(answer)

# %%
# For comparison, the next cell computes the brightest value of each pixel in 100,000 samples:

latents = rng.uniform(-2, 2, (100_000, 2))
sampled = decoder.predict(latents, batch_size=10_000, verbose=0).max(axis=0)[..., 0]
proved = answer.hi[..., 0]
print(f"pixels that reach 0.1 in a sample: {(sampled >= 0.1).sum()}")
print(f"pixels that never reach 0.1, proved: {(proved < 0.1).sum()} of 196")
print(f"largest difference from the samples: {(proved - sampled).max():.3f}")

# %%
# With only two latents, samples find nearly everything, but they cannot prove that a pixel stays
# dark. The answer proves this: a pixel with a cross stays below 0.1 for all latents in the square.

fig, axes = plt.subplots(1, 3, figsize=(6.4, 2.7), layout="constrained")
steps = np.linspace(-1.6, 1.6, 3)
grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(9, 2)
drawn = decoder.predict(grid, verbose=0).reshape(3, 3, 14, 14)
drawn = np.pad(drawn, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=1)
axes[0].imshow(drawn.transpose(0, 2, 1, 3).reshape(48, 48), cmap="magma", vmin=0, vmax=1)
axes[1].imshow(sampled, cmap="magma", vmin=0, vmax=1)
image = axes[2].imshow(proved, cmap="magma", vmin=0, vmax=1)
dark = np.argwhere(proved < 0.1)
axes[2].plot(dark[:, 1], dark[:, 0], "x", color="#9dbcf2", markersize=4)
titles = ["nine decoded images", "brightest of 100,000", "brightest, proved"]
for ax, title in zip(axes, titles, strict=True):
    ax.set(xticks=[], yticks=[], title=title)
plt.colorbar(image, ax=axes, shrink=0.75, label="brightness")
plt.show()
