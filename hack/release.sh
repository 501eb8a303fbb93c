#!/usr/bin/env bash
# One release from a tagged commit: image and chart to a registry, SBOM and checksums to dist/. A CI runs it on a tag v*.
#   hack/release.sh REGISTRY              such as registry.example.org/team
#   hack/release.sh --dry-run FOLDER      builds and pushes nothing: chart, SBOM and checksums into FOLDER
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd); cd "$top"
target=${1:?give a registry, such as registry.example.org/team, or --dry-run FOLDER}
helm=${MARS_HELM:-helm}; uv=${MARS_UV:-uv}

one() { sed -n "s/^$1[:=] *//p; s/^$1 = *//p" "$2" | head -1 | tr -d '"'; }
version=$(one version pyproject.toml)
for said in "$(one version charts/martian-moments/Chart.yaml)" "$(one appVersion charts/martian-moments/Chart.yaml)"; do
  [ "$said" = "$version" ] || { echo "release: pyproject.toml says $version, Chart.yaml says $said: make them one" >&2; exit 1; }
done
grep -q "^## $version" CHANGELOG.md || { echo "release: CHANGELOG.md has no section $version" >&2; exit 1; }

if [ "$target" = --dry-run ]; then
  dist=${2:?give a folder}
else
  tag=$(git describe --exact-match --tags HEAD 2>/dev/null || true)
  [ "$tag" = "v$version" ] || { echo "release: this commit has no tag v$version: git tag v$version, then again" >&2; exit 1; }
  [ -z "$(git status --porcelain)" ] || { echo "release: the working tree has changes: commit them first" >&2; exit 1; }
  dist=dist
  ./mars image --push "$target" --tag "$version" | tee /dev/stderr | grep -o 'sha256:[0-9a-f]*' > image.digest || true
fi
mkdir -p "$dist"
if [ -s image.digest ]; then mv image.digest "$dist/"; fi
"$helm" package charts/martian-moments --destination "$dist"
"$uv" export --frozen --no-dev --no-emit-workspace --format cyclonedx1.5 --quiet --output-file "$dist/sbom.cdx.json" > /dev/null
if [ "$target" != --dry-run ]; then "$helm" push "$dist/martian-moments-$version.tgz" "oci://$target/charts"; fi
(cd "$dist" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs sha256sum > SHA256SUMS)
echo "release: $version is in $dist"
